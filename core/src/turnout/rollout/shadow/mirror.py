"""ShadowComparer a shadow what the primary was asked, in threads of its own."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections import deque

from turnout.errors import one_line
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.rollout.shadow.buffers import Buffers, NotPreparedError
from turnout.rollout.shadow.byte_rate import ByteRate
from turnout.rollout.shadow.comparer import ShadowComparer
from turnout.rollout.shadow.copier import Copier, Copying
from turnout.rollout.shadow.ledger import WRITE_SECONDS, ShadowLedger
from turnout.rollout.shadow.mirrored_request import MirroredRequest
from turnout.rollout.shadow.policy import ShadowPolicy
from turnout.tensors.copies import size_of

logger = logging.getLogger(__name__)

_all: weakref.WeakSet[Mirror] = weakref.WeakSet()


class Mirror:
    """Takes requests with the primary's answers, asks the shadow, compares, and enters what came of it. Owns the shadow.

    Thread-safe: everything that changes is under ``_changed``. Threads start with the first request. They are daemons, because
    one whose shadow hangs could not be joined and would keep the process; ``close`` joins all others, and so does the end of
    the process. A forked child starts its own.
    """

    def __init__(self, shadow: ModelInference, policy: ShadowPolicy, ledger: ShadowLedger) -> None:
        self._asking = ShadowComparer(shadow, policy, ledger.model, (ledger.primary, ledger.shadow))
        self._policy = policy
        self._ledger = ledger
        self._closed = False
        self._begin()
        _all.add(self)
        Forks.renew(self)

    def begin(self, request: InferenceRequest) -> Copying | None:
        """Take the inputs of a request that the primary is about to be asked. Neither waits nor raises."""
        try:
            return self._copier.begin(request.inputs) if self._has_room() else None
        except Exception as error:  # noqa: BLE001  # out of memory or of threads
            self._tell_lost(error)
            return None

    def cancel(self, begun: Copying | None) -> None:
        """Forget a request that the primary has not answered."""
        if begun is not None:
            self._copier.cancel(begun)

    def offer(self, request: InferenceRequest, begun: Copying | None, response: InferenceResponse, seconds: float) -> None:
        """Take a request and the primary's answer, or drop it where there is no room. Neither waits nor raises."""
        try:
            taken = begun is not None and self._copy_and_put(request, begun, response, seconds)
        except NotPreparedError:
            self._wake()
            taken = False
        except Exception as error:  # noqa: BLE001  # the primary's caller has an answer already
            self._tell_lost(error)
            taken = False
        if not taken:
            self._ledger.drop()

    def close(self) -> None:
        """Drop what waits, let what is under way end, close the shadow; a shadow that hangs is left behind."""
        self._stop()
        self._asking.close()
        self._join()
        self._abandon()

    def leave(self) -> None:
        """Do what ``close`` does at the end of a process, but leave the shadow open."""
        self._stop()
        self._abandon()

    def renew(self) -> None:
        """Drop the requests and threads of the process that was forked."""
        self._ledger.forget()
        self._begin()

    def _stop(self) -> None:
        with self._changed:
            self._closed = True
            waiting = list(self._jobs)
            self._jobs.clear()
            self._changed.notify_all()
        for job in waiting:
            self._drop(job)
            self._release(job.size, waiting=1)
        self._copier.close(self._policy.closing_seconds)
        self._join()

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._buffers = Buffers(self._policy.max_bytes)
        self._copier = Copier(self._buffers, f"{self._name()}-copy")
        self._allowance = ByteRate(self._policy.max_bytes_per_second)
        self._jobs: deque[MirroredRequest] = deque()
        self._under_way: set[MirroredRequest] = set()
        self._threads: list[threading.Thread] = []
        self._idle = self._waiting = self._bytes = 0

    def _name(self) -> str:
        return f"turnout-shadow-{self._ledger.model}"

    def _tell_lost(self, error: Exception) -> None:
        logger.warning("model %r: a request cannot be mirrored: %s", self._ledger.model, one_line(error))

    def _has_room(self) -> bool:
        with self._changed:
            return not self._closed and self._waiting < self._policy.queue_size and self._allowance.any_left()

    def _copy_and_put(self, request: InferenceRequest, begun: Copying, response: InferenceResponse, seconds: float) -> bool:
        # The caller may write to both as soon as it has its answer.
        inputs = self._copier.finish(begun)
        copies = list(inputs.values())
        size = size_of(inputs) + size_of(response.outputs)
        reserved = taken = False
        try:
            reserved = self._reserve(size)
            if reserved:
                outputs = self._buffers.copy(response.outputs)
                copies += outputs.values()
                taken = self._put(MirroredRequest(inputs, outputs, request.id, request.parameters, seconds, size))
        finally:
            if not taken:
                self._buffers.give_back(copies)
            if reserved and not taken:
                self._release(size, waiting=1)
        return taken

    def _wake(self) -> None:
        """Have a thread prepare the memory that a copy has lacked."""
        with self._changed:
            self._begin_thread()
            self._changed.notify()

    def _reserve(self, size: int) -> bool:
        with self._changed:
            room = self._waiting < self._policy.queue_size and self._bytes + size <= self._policy.max_bytes
            if self._closed or not room or not self._allowance.any_left():
                return False
            self._allowance.take(size)
            self._waiting += 1
            self._bytes += size
            return True

    def _release(self, size: int, waiting: int = 0) -> None:
        with self._changed:
            self._waiting -= waiting
            self._bytes -= size

    def _put(self, job: MirroredRequest) -> bool:
        with self._changed:
            if self._closed:
                return False
            self._begin_thread()
            self._jobs.append(job)
            self._changed.notify()
            return True

    def _begin_thread(self) -> None:
        if self._closed or self._idle or len(self._threads) >= self._policy.threads:
            return
        thread = threading.Thread(target=self._work, name=f"{self._name()}-{len(self._threads)}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        while not self._closed:
            job = self._next()
            if job is not None:
                self._do(job)
            waited = job is None and not self._buffers.wanted
            self._buffers.prepare()
            self._ledger.write(now=waited)

    def _next(self) -> MirroredRequest | None:
        """Return a job; None at the end, and when there was none for a while and the books are not written."""
        with self._changed:
            if not self._jobs and not self._closed and not self._buffers.wanted:
                self._idle += 1
                self._changed.wait(WRITE_SECONDS if self._ledger.unwritten else None)
                self._idle -= 1
            if not self._jobs:
                return None
            self._waiting -= 1
            job = self._jobs.popleft()
            self._under_way.add(job)
            return job

    def _do(self, job: MirroredRequest) -> None:
        asked = self._asking.ask(job)
        if self._settle(job):
            self._ledger.enter(asked.parity, job.seconds, asked.seconds)
            self._asking.keep(job, asked)
        self._buffers.give_back((*job.inputs.values(), *job.outputs.values()))
        self._release(job.size)

    def _settle(self, job: MirroredRequest) -> bool:
        """Tell whether the caller is the one to enter ``job``."""
        with self._changed:
            first = not job.settled
            job.settled = True
            self._under_way.discard(job)
            return first

    def _drop(self, job: MirroredRequest) -> None:
        if self._settle(job):
            self._ledger.drop()

    def _abandon(self) -> None:
        with self._changed:
            left = list(self._under_way)
        for job in left:
            self._drop(job)
        self._ledger.write(now=True)

    def _join(self) -> None:
        end = time.monotonic() + self._policy.closing_seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))


def _leave_all() -> None:
    for mirror in list(_all):
        mirror.leave()


atexit.register(_leave_all)
