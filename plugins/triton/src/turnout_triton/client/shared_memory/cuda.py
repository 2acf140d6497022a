"""Input tensors in GPU memory, sent to a server on the same host through CUDA shared memory. Experimental.

No GPU has run it yet: it follows Triton's CUDA shared memory extension and the documentation of
``tritonclient.utils.cuda_shared_memory``, which needs the package cuda-python (the extra ``cuda``).
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import threading
from collections import defaultdict

from turnout.errors import BackendUnavailableError, DeadlineExceededError, MissingDependencyError, text_of
from turnout.tensors import DeviceTensor
from turnout_triton.client.device_buffer import DeviceBuffer, copy_to_host
from turnout_triton.client.failures import FINISHED
from turnout_triton.client.messages import Buffer, KServeRequest, KServeResponse, RegionSlice, TensorHead
from turnout_triton.client.reports import Reports
from turnout_triton.client.shared_memory.lost_regions import LostRegions
from turnout_triton.client.transport import ServerTransport
from turnout_triton.client.transport_wrapper import TransportWrapper

logger = logging.getLogger(__name__)

_CONTROL_SECONDS = 5.0
_CLOSE_SECONDS = 0.5


def check_cuda_installed() -> None:
    """Raise MissingDependencyError unless cuda-python is installed."""
    # The user enabled it by name, so a missing package is an error at opening; a CUDA that fails later is a warning.
    if importlib.util.find_spec("cuda") is None:
        raise MissingDependencyError(
            "the option 'cuda_shared_memory' of backend 'triton' needs the package 'cuda-python', which is not installed; "
            "install it: pip install cuda-python, or remove the option"
        )


class CudaRegion:
    """GPU memory of ``size_bytes`` on ``device`` that another process can open, named ``turnout-cuda-<pid>-<random>``."""

    def __init__(self, size_bytes: int, device: int) -> None:
        from tritonclient.utils import cuda_shared_memory

        self._library = cuda_shared_memory
        self.name = f"turnout-cuda-{os.getpid()}-{secrets.token_hex(6)}"
        self.size_bytes = size_bytes
        self.device = device
        self._handle = cuda_shared_memory.create_shared_memory_region(self.name, size_bytes, device)

    @property
    def raw_handle(self) -> bytes:
        """CUDA's handle, by which the server opens the memory, in base64."""
        handle: bytes = self._library.get_raw_handle(self._handle)
        return handle

    def write(self, tensor: DeviceTensor) -> None:
        """Copy ``tensor`` to the beginning, from GPU memory to GPU memory."""
        # DLPack carries strides, and the copy takes none.
        source = tensor.source.contiguous() if hasattr(tensor.source, "contiguous") else tensor.source
        self._library.set_shared_memory_region_from_dlpack(self._handle, [source])

    def destroy(self) -> None:
        """Free the memory."""
        self._library.destroy_shared_memory_region(self._handle)


class CudaSharedMemoryTransport(TransportWrapper):
    """Sends inputs in GPU memory through CUDA regions; ``inner`` sends the rest.

    When the server or CUDA refuses regions, such inputs are copied to the host from then on, and one warning is logged. Regions
    are reused by size and device.

    Thread-safe: ``_free`` and ``_all`` change under ``_lock``. Not for forked children, where CUDA does not work.
    """

    def __init__(self, inner: ServerTransport, url: str, reports: Reports | None = None) -> None:
        super().__init__(inner)
        self._reports = reports or Reports()
        self._url = url
        self._lock = threading.Lock()
        self._free: dict[tuple[int, int], list[CudaRegion]] = defaultdict(list)
        self._all: list[CudaRegion] = []
        self._lost: LostRegions[CudaRegion] = LostRegions(inner.unregister_cuda_region, self._destroy, url)
        self._is_refused = False

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        if self._is_refused or not any(isinstance(buffer, DeviceBuffer) for buffer in request.buffers):
            return self._inner.infer(request, timeout_seconds)
        acquired: list[CudaRegion] = []
        try:
            response = self._inner.infer(self._place(request, acquired), timeout_seconds)
        except FINISHED:
            self._release(acquired)
            raise
        except BaseException:  # the server may still read them
            for region in acquired:
                self._lost.add(region)
            raise
        self._release(acquired)
        return response

    def close(self) -> None:
        self._lost.close(_CLOSE_SECONDS)
        with self._lock:
            regions = list(self._all)
            self._free.clear()
        for region in regions:
            self._remove(region)
        super().close()

    def _place(self, request: KServeRequest, acquired: list[CudaRegion]) -> KServeRequest:
        buffers_left = iter(request.buffers)
        heads, buffers = [], []
        for head in request.heads:
            # An input that is in system shared memory already has no buffer.
            buffer = None if head.shared is not None else next(buffers_left)
            shared = self._place_tensor(buffer.tensor, acquired) if isinstance(buffer, DeviceBuffer) else None
            heads.append(head if shared is None else TensorHead(head.name, head.datatype, head.shape, shared))
            if buffer is not None and shared is None:
                buffers.append(copy_to_host(buffer))
        return request._replace(heads=tuple(heads), buffers=tuple[Buffer, ...](buffers))

    def _place_tensor(self, tensor: DeviceTensor, acquired: list[CudaRegion]) -> RegionSlice | None:
        """Return the region that ``tensor`` was copied to; None if it must be copied to the host."""
        if self._is_refused or not tensor.nbytes or self._lost.are_too_many():
            return None
        try:
            region = self._acquire(tensor.nbytes, tensor.device)
            acquired.append(region)
            region.write(tensor)
        except (BackendUnavailableError, DeadlineExceededError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever CUDA, its Python package or the server raises
            self._is_refused = True
            logger.warning("triton at %r: no CUDA shared memory, tensors are copied: %s", self._url, text_of(error))
            return None
        self._reports.observer.shared_memory_sent(tensor.nbytes)
        return RegionSlice(region.name, tensor.nbytes)

    def _acquire(self, size_bytes: int, device: int) -> CudaRegion:
        size = 1 << (size_bytes - 1).bit_length()
        with self._lock:
            if self._free[size, device]:
                return self._free[size, device].pop()
        region = CudaRegion(size, device)
        try:
            self._inner.register_cuda_region(region.name, region.raw_handle, device, size, _CONTROL_SECONDS)
        except BaseException:
            region.destroy()
            raise
        with self._lock:
            self._all.append(region)
        return region

    def _release(self, regions: list[CudaRegion]) -> None:
        with self._lock:
            for region in regions:
                self._free[region.size_bytes, region.device].append(region)

    def _remove(self, region: CudaRegion) -> None:
        try:
            self._inner.unregister_cuda_region(region.name, _CONTROL_SECONDS)
        except Exception as error:  # noqa: BLE001  # the server drops it when it ends
            logger.debug("CUDA region %s stays registered: %s", region.name, text_of(error))
        self._destroy(region)

    def _destroy(self, region: CudaRegion) -> None:
        with self._lock:
            if region not in self._all:  # close() has destroyed it under a request
                return
            self._all.remove(region)
        region.destroy()
