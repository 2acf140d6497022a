"""A background thread that writes recorded requests."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from turnout.errors import one_line
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse
from turnout.metrics.labels import RecordingOutcome
from turnout.recording.policy import RecordingPolicy
from turnout.recording.recorded_request import RecordedRequest
from turnout.recording.writer import RecordingWriter
from turnout.tensors.copies import copy_tensors, size_of

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0
"""The pause after a full folder or a failed write. No request is copied during a pause."""
CLOSE_SECONDS = 10.0
REST = 9
"""Seconds of rest for each second of work: the thread uses a tenth of a CPU; faster traffic is dropped."""


class BackgroundRecording:
    """Writes requests and their answers in a thread of its own, which starts with the first request.

    Thread-safe: ``_waiting``, ``_reserved``, ``_waiting_bytes``, ``_thread`` and ``_closing`` are under ``_changed``. A forked
    child starts a thread of its own; waiting requests stay with the parent.
    """

    def __init__(self, model: str, backend: str, policy: RecordingPolicy, count: Callable[[RecordingOutcome], None]) -> None:
        self._model = model
        self._backend = backend
        self._policy = policy
        self._count = count
        self._writer = RecordingWriter(model, policy)
        self._full_logged = False
        self._closing = False
        self.renew()
        Forks.renew(self)

    def offer(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> None:
        """Copy a request and its answer for the thread, or count it as dropped if there is no room.

        Never raises, never waits for the disk.
        """
        try:
            self._enqueue_or_count(request, response, seconds)
        except Exception:
            logger.exception("model %r: a request cannot be recorded", self._model)
            self._count(RecordingOutcome.FAILED)

    def close(self) -> None:
        """Write the waiting requests, for ten seconds at most, and stop the thread."""
        with self._changed:
            self._closing = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(CLOSE_SECONDS)

    def renew(self) -> None:
        """Reset all state. A forked child calls this: the thread, the lock and the waiting records belong to its parent."""
        self._changed = threading.Condition()
        self._waiting: deque[tuple[RecordedRequest, int]] = deque()
        self._reserved = 0
        self._waiting_bytes = 0
        self._thread: threading.Thread | None = None
        self._paused_until = 0.0
        self._paused_by = RecordingOutcome.FULL

    def _enqueue_or_count(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> None:
        if time.monotonic() < self._paused_until:
            self._count(self._paused_by)
            return
        size = size_of(request.inputs) + size_of(response.outputs)
        if not self._reserve(size):
            self._count(RecordingOutcome.DROPPED)
            return
        try:
            record = self._record(request, response, seconds)
        except BaseException:
            self._release(size)
            raise
        with self._changed:
            self._waiting.append((record, size))
            self._changed.notify_all()

    def _record(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> RecordedRequest:
        # A copy, because the caller may write to both arrays as soon as it has its answer.
        return RecordedRequest(
            copy_tensors(request.inputs),
            copy_tensors(response.outputs),
            self._model,
            self._backend,
            datetime.now(UTC).isoformat(timespec="microseconds"),
            seconds,
            request.id,
            dict(request.parameters),
        )

    def _reserve(self, size: int) -> bool:
        with self._changed:
            seconds = self._policy.wait_seconds if size <= self._policy.max_waiting_bytes else 0.0
            if not self._changed.wait_for(lambda: self._has_room(size), seconds) or self._closing:
                return False
            self._reserved += 1
            self._waiting_bytes += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"turnout-record-{self._model}", daemon=True)
                self._thread.start()
            return True

    def _has_room(self, size: int) -> bool:
        policy = self._policy
        return self._reserved < policy.queue_size and self._waiting_bytes + size <= policy.max_waiting_bytes

    def _release(self, size: int) -> None:
        with self._changed:
            self._reserved -= 1
            self._waiting_bytes -= size
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or (self._closing and not self._reserved))
                if not self._waiting:
                    return
                record, size = self._waiting.popleft()
            start = time.thread_time()
            self._count(self._write(record))
            self._release(size)
            self._rest(time.thread_time() - start)

    def _rest(self, worked_seconds: float) -> None:
        """Wait, so that callers get the interpreter: a thread that computes all the time delays each of them by 5 ms."""
        if not self._policy.wait_seconds:
            with self._changed:
                self._changed.wait_for(lambda: self._closing, worked_seconds * REST)

    def _write(self, record: RecordedRequest) -> RecordingOutcome:
        try:
            outcome = RecordingOutcome.RECORDED if self._writer.add(record) else RecordingOutcome.FULL
        except Exception as error:  # noqa: BLE001  # no request fails because of its recording
            folder = str(self._policy.folder)
            logger.warning("model %r: a request cannot be recorded in %r: %s", self._model, folder, one_line(error))
            outcome = RecordingOutcome.FAILED
        if outcome is RecordingOutcome.FULL and not self._full_logged:
            self._full_logged = True
            logger.warning("model %r: the recording in %r is full", self._model, str(self._policy.folder))
        if outcome is not RecordingOutcome.RECORDED:
            self._paused_by, self._paused_until = outcome, time.monotonic() + PAUSE_SECONDS
        return outcome
