"""Tensors that lie on a GPU, handed to a server on the same host without leaving it.

Untested: there was no GPU where this was written. It follows Triton's CUDA shared memory extension and the documentation of
``tritonclient.utils.cuda_shared_memory``, which needs the package cuda-python (``pip install 'turnout-triton[cuda]'``).
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import threading
from collections import defaultdict

from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    text_of,
)
from turnout.tensors import DeviceTensor
from turnout_triton.client.device import DeviceBuffer, on_host
from turnout_triton.client.failures import OVER
from turnout_triton.client.messages import Answer, Ask, Buffer, Place, TensorHead
from turnout_triton.client.servers import Server
from turnout_triton.client.wrapper import ServerWrapper

logger = logging.getLogger(__name__)

_CONTROL_SECONDS = 5.0


def cuda_is_installed() -> bool:
    """Tell whether tritonclient can make CUDA shared memory."""
    return importlib.util.find_spec("cuda") is not None


class CudaRegion:
    """Memory on a GPU that another process can open, of ``size_bytes`` on ``device``, named ``turnout-cuda-<pid>-<random>``."""

    def __init__(self, size_bytes: int, device: int) -> None:
        from tritonclient.utils import cuda_shared_memory

        self._library = cuda_shared_memory
        self.name = f"turnout-cuda-{os.getpid()}-{secrets.token_hex(6)}"
        self.size_bytes = size_bytes
        self.device = device
        self._handle = cuda_shared_memory.create_shared_memory_region(self.name, size_bytes, device)

    @property
    def raw_handle(self) -> bytes:
        """What the server opens it by, in base64."""
        handle: bytes = self._library.get_raw_handle(self._handle)
        return handle

    def write(self, tensor: DeviceTensor) -> None:
        """Copy ``tensor`` to the beginning, from GPU memory to GPU memory."""
        source = tensor.source.contiguous() if hasattr(tensor.source, "contiguous") else tensor.source
        self._library.set_shared_memory_region_from_dlpack(self._handle, [source])

    def destroy(self) -> None:
        """Give the memory back."""
        self._library.destroy_shared_memory_region(self._handle)


class CudaSharedMemoryTransport(ServerWrapper):
    """Sends inputs on a GPU through CUDA regions; ``inner`` sends the rest.

    When the server or CUDA refuses regions, such inputs are copied to the host from then on; the log says so once. Regions are
    reused by size and device; one whose request broke off is kept and not used again, since the server may still read it.
    Thread-safe: ``_free`` and ``_all`` change under ``_lock``. Not for forked children: CUDA does not work there.
    """

    def __init__(self, inner: Server, url: str) -> None:
        super().__init__(inner)
        self._url = url
        self._lock = threading.Lock()
        self._free: dict[tuple[int, int], list[CudaRegion]] = defaultdict(list)
        self._all: list[CudaRegion] = []
        self._refused = False

    def infer(self, ask: Ask, timeout_seconds: float) -> Answer:
        if self._refused or not any(isinstance(buffer, DeviceBuffer) for buffer in ask.buffers):
            return self._inner.infer(ask, timeout_seconds)
        taken: list[CudaRegion] = []
        try:
            answer = self._inner.infer(self._placed(ask, taken), timeout_seconds)
        except OVER:
            self._give_back(taken)
            raise
        self._give_back(taken)
        return answer

    def close(self) -> None:
        with self._lock:
            regions, self._all = self._all, []
            self._free.clear()
        for region in regions:
            self._end(region)
        super().close()

    def _placed(self, ask: Ask, taken: list[CudaRegion]) -> Ask:
        carried = iter(ask.buffers)
        heads, buffers = [], []
        for head in ask.heads:
            buffer = None if head.place is not None else next(carried)
            place = self._place(buffer.tensor, taken) if isinstance(buffer, DeviceBuffer) else None
            heads.append(head if place is None else TensorHead(head.name, head.datatype, head.shape, place))
            if buffer is not None and place is None:
                buffers.append(on_host(buffer))
        return ask._replace(heads=tuple(heads), buffers=tuple[Buffer, ...](buffers))

    def _place(self, tensor: DeviceTensor, taken: list[CudaRegion]) -> Place | None:
        """Return where ``tensor`` was copied to; None where there is no such place."""
        if self._refused or not tensor.nbytes:
            return None
        try:
            region = self._take(tensor.nbytes, tensor.device)
            taken.append(region)
            region.write(tensor)
        except (BackendUnavailableError, DeadlineExceededError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever CUDA, its Python package or the server says
            self._refused = True
            logger.warning("no CUDA shared memory with triton at %r, tensors are copied: %s", self._url, text_of(error))
            return None
        return Place(region.name, tensor.nbytes)

    def _take(self, size_bytes: int, device: int) -> CudaRegion:
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

    def _give_back(self, regions: list[CudaRegion]) -> None:
        with self._lock:
            for region in regions:
                self._free[region.size_bytes, region.device].append(region)

    def _end(self, region: CudaRegion) -> None:
        try:
            self._inner.unregister_cuda_region(region.name, _CONTROL_SECONDS)
        except Exception as error:  # noqa: BLE001  # the server forgets it when it ends
            logger.debug("CUDA region %s stays registered: %s", region.name, text_of(error))
        region.destroy()
