"""A transport that sends large tensors through system shared memory."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

from turnout.errors import BackendUnavailableError, ClosedError, DeadlineExceededError, TurnoutError, text_of
from turnout.forking import Forks
from turnout.tensors import BYTES
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.failures import RegionRefusedError, RegionTooSmallError, ServerMemoryError
from turnout_triton.client.messages import Buffer, KServeRequest, KServeResponse, TensorHead
from turnout_triton.client.reports import Reports
from turnout_triton.client.shared_memory.pool import RegionPool
from turnout_triton.client.shared_memory.request_regions import RequestRegions
from turnout_triton.client.transport import ServerTransport
from turnout_triton.client.transport_wrapper import TransportWrapper

logger = logging.getLogger(__name__)

_MOST_LEARNED = 256
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 600.0


class SharedMemoryTransport(TransportWrapper):
    """Sends tensors from ``threshold_bytes`` on through regions shared with a server on this host; ``inner`` sends the rest.

    An output goes through shared memory from the second request of its input shapes on: the first response shows its size.
    When the server refuses regions, all tensors go over the wire, and one warning is logged; regions are tried again after a
    second, and after longer and longer pauses. A restarted server has no registered regions; the next request registers its
    own again.

    Thread-safe: what is learned, refused, logged and swept changes under ``_lock``; the pool has a lock of its own.
    """

    def __init__(self, inner: ServerTransport, threshold_bytes: int, url: str, reports: Reports | None = None) -> None:
        super().__init__(inner)
        self._reports = reports or Reports()
        self._pool = RegionPool(inner, url)
        self._threshold_bytes = threshold_bytes
        self._url = url
        self.renew()
        self._outputs: dict[tuple[Any, ...], tuple[TensorHead, ...]] = {}
        self._refused_until = 0.0
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._is_logged = False
        self._is_swept = False
        Forks.renew(self)

    def renew(self) -> None:
        """Create the lock, in a forked child too."""
        self._lock = threading.Lock()

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        deadline = time.monotonic() + timeout_seconds
        try:
            # A model of small tensors: what _infer does for it, without its calls.
            if self._outputs or max(map(len, request.buffers), default=-1) >= self._threshold_bytes:
                return self._infer(request, deadline)
            response = self._inner.infer(request, timeout_seconds)
            if max(map(len, response.data.values()), default=-1) < self._threshold_bytes:
                return response
            return self._learn_outputs(request, response)
        except ServerMemoryError:
            # The server's processes and our regions use one /dev/shm, 64 MB in a container: our free regions may be what the
            # server lacks.
            if not self._pool.make_room(deadline):
                raise
        return self._inner.infer(request, remaining_seconds(deadline))

    def close(self) -> None:
        self._pool.close()  # while the connections that unregister are open
        super().close()

    def _infer(self, request: KServeRequest, deadline: float) -> KServeResponse:
        outputs = self._outputs.get(_key(request), ())
        if not (outputs or self._has_large(request.buffers)) or time.monotonic() < self._refused_until:
            return self._learn_outputs(request, self._inner.infer(request, remaining_seconds(deadline)))
        with RequestRegions(self._pool, self._threshold_bytes, request.model, deadline) as regions:
            placed = self._place(regions, request, outputs, deadline)
            response = None if placed is None else self._infer_placed(regions, placed, deadline)
        if response is None:
            self._outputs.pop(_key(request), None)
            response = self._inner.infer(request, remaining_seconds(deadline))
        return self._learn_outputs(request, response)

    def _place(
        self, regions: RequestRegions, request: KServeRequest, outputs: tuple[TensorHead, ...], deadline: float
    ) -> KServeRequest | None:
        """Return ``request`` with its large tensors in regions; None if it cannot have regions."""
        self._sweep_once(deadline)
        try:
            return regions.place(request, outputs)
        except (BackendUnavailableError, DeadlineExceededError, ClosedError):
            raise  # the wire would fail in the same way
        except TurnoutError as error:
            # A server in another container refuses always, one whose /dev/shm was full or cleaned only now.
            self._pause()
            self._log_once(error)
        except OSError as error:  # a full /dev/shm may have room for the next request
            self._log_once(error)
        return None

    def _infer_placed(self, regions: RequestRegions, request: KServeRequest, deadline: float) -> KServeResponse | None:
        """Return the response; None if it does not fit into the regions, as when an output has grown."""
        self._reports.observer.shared_memory_sent(sum(head.shared.size_bytes for head in request.heads if head.shared))
        response = self._infer_in_regions(regions, request, deadline)
        if response is not None:
            self._reports.observer.shared_memory_received(regions.received_bytes)
        return response

    def _infer_in_regions(self, regions: RequestRegions, request: KServeRequest, deadline: float) -> KServeResponse | None:
        try:
            return regions.read_outputs(self._inner.infer(request, remaining_seconds(deadline)))
        except RegionTooSmallError:
            return None
        except RegionRefusedError:
            pass  # the server was restarted
        try:
            regions.register_again()
            return regions.read_outputs(self._inner.infer(request, remaining_seconds(deadline)))
        except RegionRefusedError:
            return None

    def _learn_outputs(self, request: KServeRequest, response: KServeResponse) -> KServeResponse:
        is_large = max(map(len, response.data.values()), default=-1) >= self._threshold_bytes
        if is_large and (key := _key(request)) not in self._outputs and _have_known_sizes(response.heads):
            with self._lock:
                if len(self._outputs) < _MOST_LEARNED:
                    self._outputs[key] = response.heads
        return response

    def _has_large(self, buffers: Iterable[Buffer]) -> bool:
        return max(map(len, buffers), default=-1) >= self._threshold_bytes

    def _sweep_once(self, deadline: float) -> None:
        # At the first large tensor, not at opening: a model of small tensors never touches /dev/shm.
        with self._lock:
            if self._is_swept:
                return
            self._is_swept = True
        self._pool.sweep(deadline)

    def _pause(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._refused_until:  # of a request that began before the refusal
                return
            self._refused_until = now + self._pause_seconds
            self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)

    def _log_once(self, error: Exception) -> None:
        with self._lock:
            if self._is_logged:
                return
            self._is_logged = True
        logger.warning("triton at %r: no shared memory, tensors go over the wire: %s", self._url, text_of(error))


def _key(request: KServeRequest) -> tuple[Any, ...]:
    return request.model, request.version, request.heads


def _have_known_sizes(heads: Iterable[TensorHead]) -> bool:
    return all(head.datatype != BYTES for head in heads)
