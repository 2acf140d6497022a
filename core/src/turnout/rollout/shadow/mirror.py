"""A mirror: sends a copy of the primary's requests to a shadow, in threads of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from turnout.errors import one_line
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.rollout.shadow.comparer import ShadowComparer
from turnout.rollout.shadow.copier import Copier, Copying
from turnout.rollout.shadow.ledger import WRITE_SECONDS, ShadowLedger
from turnout.rollout.shadow.mirrored_request import MirroredRequest
from turnout.rollout.shadow.policy import ShadowPolicy
from turnout.rollout.shadow.process_end import leave_at_end
from turnout.tensors.copies import size_of
from turnout.tracing.callers import CallerContexts, NoContexts


class Mirror:
    """Queues copies of answered requests, sends them to the shadow, compares and counts. Owns the shadow.

    Thread-safe: all that changes is under ``_changed``. Threads start with the first request. They are daemons, because a
    thread whose shadow hangs cannot be joined and would keep the process alive; ``close`` and the end of the process join all
    others. A forked child starts its own.
    """

    def __init__(
        self,
        shadow: ModelInference,
        policy: ShadowPolicy,
        ledger: ShadowLedger,
        release: Callable[[], object],
        contexts: CallerContexts | None = None,
    ) -> None:
        """Mirror to ``shadow``, which ``close`` releases with ``release``; ``contexts`` are those in which it is traced."""
        self._contexts = contexts or NoContexts()
        self._comparer = ShadowComparer(shadow, policy, ledger.model, (ledger.primary, ledger.shadow), release)
        self._policy = policy
        self._ledger = ledger
        self._closed = False
        self._reset()
        leave_at_end(self)
        Forks.renew(self)

    def begin(self, request: InferenceRequest) -> Copying | None:
        """Start a copy of the inputs of a request that goes to the primary now. Never waits, never raises."""
        try:
            return self._copier.start(request.inputs) if self._admit() else None
        except Exception as error:  # noqa: BLE001  # out of memory or of threads
            self._log_error(error)
            return None

    def cancel(self, copying: Copying | None) -> None:
        """Release the copy of a request that the primary failed."""
        if copying is not None:
            self._copier.cancel(copying)

    def offer(self, request: InferenceRequest, copying: Copying | None, response: InferenceResponse, seconds: float) -> None:
        """Queue a request with the primary's answer, or drop it without room. Never waits for the shadow, never raises."""
        try:
            queued = copying is not None and self._copy_and_queue(request, copying, response, seconds)
        except Exception as error:  # noqa: BLE001  # the primary's caller has an answer already
            self._log_error(error)
            queued = False
        if not queued:
            self._ledger.drop()
            self._wake_worker()

    def close(self) -> None:
        """Drop waiting requests, wait for those in flight, close the shadow; abandon a shadow that hangs."""
        self._stop()
        self._comparer.close()
        # Once more: closing the shadow may have ended a request that hung.
        self._join()
        self._abandon()

    def leave(self) -> None:
        """Stop at the end of a process, and leave the shadow open."""
        self._stop()
        self._abandon()

    def renew(self) -> None:
        """Start empty in a forked child: requests and threads belong to the parent."""
        self._ledger.forget()
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._copier = Copier(self._policy.max_bytes, self._policy.max_bytes_per_second, f"{self._name()}-copy")
        self._queue: deque[MirroredRequest] = deque()
        self._in_flight: set[MirroredRequest] = set()
        self._threads: list[threading.Thread] = []
        self._idle = self._waiting = self._bytes = 0

    def _stop(self) -> None:
        with self._changed:
            self._closed = True
            waiting = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        for request in waiting:
            self._drop(request)
            self._release(request.size, waiting=1)
        self._copier.close(self._policy.closing_seconds)
        self._join()

    def _name(self) -> str:
        return f"turnout-shadow-{self._ledger.model}"

    def _log_error(self, error: Exception) -> None:
        self._ledger.log_once("mirror", "model %r: a request cannot be mirrored: %s", self._ledger.model, one_line(error))

    def _admit(self) -> bool:
        """Start the first worker, and return whether there is room for a request."""
        with self._changed:
            if not self._threads:
                self._start_worker()
            return not self._closed and self._waiting < self._policy.queue_size and self._copier.has_room()

    def _copy_and_queue(self, request: InferenceRequest, copying: Copying, response: InferenceResponse, seconds: float) -> bool:
        # Here and not in a worker: the caller may write to both arrays as soon as it has its answer.
        inputs = self._copier.finish(copying)
        if inputs is None:
            return False
        copies = list(inputs.values())
        size = size_of(inputs) + size_of(response.outputs)
        reserved = queued = False
        try:
            # Before the outputs are copied, so that a full queue costs the caller no copy.
            reserved = self._reserve(size)
            outputs = self._copier.copy(response.outputs) if reserved else None
            if outputs is not None and not copying.abandoned:
                copies += outputs.values()
                mirrored = MirroredRequest(inputs, outputs, request.id, request.parameters, seconds, size)
                # Here, in the caller's thread: a worker has a context of its own.
                mirrored.context = self._contexts.present()
                queued = self._put(mirrored)
        finally:
            if not queued:
                self._copier.release(copies)
            if reserved and not queued:
                self._release(size, waiting=1)
        return queued

    def _reserve(self, size: int) -> bool:
        with self._changed:
            has_room = self._waiting < self._policy.queue_size and self._bytes + size <= self._policy.max_bytes
            if self._closed or not has_room or not self._copier.has_room():
                return False
            self._copier.charge(size)
            self._waiting += 1
            self._bytes += size
            return True

    def _release(self, size: int, waiting: int = 0) -> None:
        with self._changed:
            self._waiting -= waiting
            self._bytes -= size

    def _put(self, request: MirroredRequest) -> bool:
        with self._changed:
            if self._closed:
                return False
            self._start_worker()
            self._queue.append(request)
            self._changed.notify()
            return True

    def _wake_worker(self) -> None:
        """Wake a worker, which writes the count of dropped requests."""
        with self._changed:
            self._changed.notify()

    def _start_worker(self) -> None:
        # An idle worker takes the request, so a shadow that keeps up has one thread.
        if self._closed or self._idle or len(self._threads) >= self._policy.threads:
            return
        thread = threading.Thread(target=self._work, name=f"{self._name()}-{len(self._threads)}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        while not self._closed:
            request = self._next()
            if request is not None:
                self._process(request)
            self._ledger.write()

    def _next(self) -> MirroredRequest | None:
        """Return a request; None after a wake-up without one, which is the time to write the evidence."""
        with self._changed:
            if not self._queue and not self._closed:
                self._idle += 1
                # No periodic wake-up in an idle process: a timeout only while counts are unwritten.
                self._changed.wait(WRITE_SECONDS if self._ledger.has_unwritten else None)
                self._idle -= 1
            if not self._queue:
                return None
            self._waiting -= 1
            request = self._queue.popleft()
            self._in_flight.add(request)
            return request

    def _process(self, request: MirroredRequest) -> None:
        try:
            with self._contexts.beside(request.context):
                comparison = self._comparer.compare(request)
            if self._settle(request):
                self._ledger.record(comparison.parity, request.seconds, comparison.seconds)
                self._comparer.keep(request, comparison)
        except Exception as error:  # noqa: BLE001  # nothing would start this thread again
            self._log_error(error)
        finally:
            self._drop(request)  # only if it was not counted
            # After the record is on disk: another request reuses the memory at once.
            self._copier.release((*request.inputs.values(), *request.outputs.values()))
            self._release(request.size)

    def _settle(self, request: MirroredRequest) -> bool:
        """Return whether the calling thread is the one that counts ``request``: ``close`` and a worker may race for it."""
        with self._changed:
            first = not request.settled
            request.settled = True
            self._in_flight.discard(request)
            return first

    def _drop(self, request: MirroredRequest) -> None:
        if self._settle(request):
            self._ledger.drop()

    def _abandon(self) -> None:
        # A worker that ends after this finds its request settled, and counts nothing.
        with self._changed:
            hanging = list(self._in_flight)
        for request in hanging:
            self._drop(request)
        self._ledger.write(now=True)

    def _join(self) -> None:
        # One deadline for all threads, so that three that hang do not take three times as long.
        end = time.monotonic() + self._policy.closing_seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
