"""Asking a shadow what the primary was asked, in threads of its own."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from time import perf_counter

from turnout.errors import InferenceError, TurnoutError, one_line
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.parity import Parity, Verdict, compare, failed
from turnout.recording.copies import size_of
from turnout.shadowing.buffers import Buffers
from turnout.shadowing.job import Job
from turnout.shadowing.ledger import WRITE_SECONDS, ShadowLedger
from turnout.shadowing.policy import ShadowPolicy
from turnout.shadowing.worst import WorstMismatches

logger = logging.getLogger(__name__)

_all: weakref.WeakSet[Mirror] = weakref.WeakSet()


class Mirror:
    """Takes requests with the primary's answers, asks the shadow, compares, and enters what came of it. Owns the shadow.

    Thread-safe: everything that changes is under ``_changed``. Threads start with the first request. They are daemons, because
    one whose shadow hangs could not be joined and would keep the process; ``close`` joins all others, and so does the end of
    the process. A forked child starts its own.
    """

    def __init__(self, shadow: ModelInference, policy: ShadowPolicy, ledger: ShadowLedger) -> None:
        self._shadow = shadow
        self._policy = policy
        self._ledger = ledger
        self._worst = WorstMismatches(policy.directory, policy.keep, ledger.model, (ledger.primary, ledger.shadow))
        self._closed = False
        self._begin()
        _all.add(self)

    def offer(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> None:
        """Take a request and the primary's answer, or drop it where there is no room. Neither waits nor raises."""
        try:
            taken = self._copy_and_put(request, response, seconds)
        except Exception as error:  # noqa: BLE001  # out of memory or of threads: the primary's caller has an answer already
            logger.warning("model %r: a request cannot be mirrored: %s", self._ledger.model, one_line(error))
            taken = False
        if not taken:
            self._ledger.drop()

    def close(self) -> None:
        """Drop what waits, let what is under way end, close the shadow; a shadow that hangs is left behind."""
        self._stop()
        closer = threading.Thread(target=self._close_shadow, name=f"{self._name()}-close", daemon=True)
        closer.start()
        closer.join(self._policy.closing_seconds)
        if closer.is_alive():
            logger.warning("model %r: shadow %r hangs; it is left behind", self._ledger.model, self._ledger.shadow)
        self._join()
        self._abandon()

    def leave(self) -> None:
        """Do what ``close`` does at the end of a process, but leave the shadow open."""
        self._stop()
        self._abandon()

    def forget(self) -> None:
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
        self._join()

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._buffers = Buffers(self._policy.max_bytes)
        self._jobs: deque[Job] = deque()
        self._under_way: set[Job] = set()
        self._threads: list[threading.Thread] = []
        self._idle = self._waiting = self._bytes = 0

    def _name(self) -> str:
        return f"turnout-shadow-{self._ledger.model}"

    def _copy_and_put(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> bool:
        size = size_of(request.inputs) + size_of(response.outputs)
        if not self._reserve(size):
            return False
        taken = False
        try:
            # The caller may write to both as soon as it has its answer.
            inputs, outputs = self._buffers.copy(request.inputs), self._buffers.copy(response.outputs)
            taken = self._put(Job(inputs, outputs, request.id, request.parameters, seconds, size))
        finally:
            if not taken:
                self._release(size, waiting=1)
        return taken

    def _reserve(self, size: int) -> bool:
        with self._changed:
            room = self._waiting < self._policy.queue_size and self._bytes + size <= self._policy.max_bytes
            if self._closed or not room:
                return False
            self._waiting += 1
            self._bytes += size
            return True

    def _release(self, size: int, waiting: int = 0) -> None:
        with self._changed:
            self._waiting -= waiting
            self._bytes -= size

    def _put(self, job: Job) -> bool:
        with self._changed:
            if self._closed:
                return False
            if not self._idle and len(self._threads) < self._policy.threads:
                self._start_thread()
            self._jobs.append(job)
            self._changed.notify()
            return True

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name()}-{len(self._threads)}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        while not self._closed:
            job = self._next()
            if job is not None:
                self._do(job)
            self._ledger.write(now=job is None)

    def _next(self) -> Job | None:
        """Return a job; None at the end, and when there was none for a while and the books are not written."""
        with self._changed:
            if not self._jobs and not self._closed:
                self._idle += 1
                self._changed.wait(WRITE_SECONDS if self._ledger.unwritten else None)
                self._idle -= 1
            if not self._jobs:
                return None
            self._waiting -= 1
            job = self._jobs.popleft()
            self._under_way.add(job)
            return job

    def _do(self, job: Job) -> None:
        try:
            self._ask(job)
        except Exception as error:  # a defect of ours must not end the thread
            logger.exception("model %r: a mirrored request cannot be compared", self._ledger.model)
            self._enter(job, failed(InferenceError(one_line(error))), 0.0)
        finally:
            self._buffers.give_back((*job.inputs.values(), *job.outputs.values()))
            self._release(job.size)

    def _ask(self, job: Job) -> None:
        start = perf_counter()
        deadline = time.monotonic() + self._policy.timeout_seconds
        answer: InferenceResponse | None = None
        try:
            answer = self._shadow.infer(InferenceRequest(job.inputs, deadline, job.id, job.parameters))
            seconds = perf_counter() - start
            parity = compare(job.outputs, answer, self._policy.tolerances)
        except TurnoutError as error:
            seconds, parity = perf_counter() - start, failed(error)
        if self._enter(job, parity, seconds) and answer is not None and parity.verdict is Verdict.MISMATCH:
            self._worst.offer(job, answer, parity)

    def _enter(self, job: Job, parity: Parity, seconds: float) -> bool:
        settled = self._settle(job)
        if settled:
            self._ledger.enter(parity, job.seconds, seconds)
        return settled

    def _settle(self, job: Job) -> bool:
        """Tell whether the caller is the one to enter ``job``."""
        with self._changed:
            first = not job.settled
            job.settled = True
            self._under_way.discard(job)
            return first

    def _drop(self, job: Job) -> None:
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

    def _close_shadow(self) -> None:
        try:
            self._shadow.close()
        except Exception as error:  # noqa: BLE001  # nobody waits for it any more
            logger.warning("model %r: shadow %r cannot be closed: %s", self._ledger.model, self._ledger.shadow, one_line(error))


def _forget_all() -> None:
    for mirror in list(_all):
        mirror.forget()


def _leave_all() -> None:
    for mirror in list(_all):
        mirror.leave()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(_leave_all)
