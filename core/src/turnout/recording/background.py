"""Recording off the caller's path."""

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
from turnout.recording.policy import RecordingPolicy
from turnout.recording.recorded_request import RecordedRequest
from turnout.recording.writer import RecordingWriter
from turnout.tensors.copies import copied, size_of

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0
"""After the folder was full or refused a record, nothing is copied for so long; then it is tried again."""
CLOSE_SECONDS = 10.0
REST = 9
"""The thread may take a tenth of a processor; what comes faster is dropped."""


class BackgroundRecording:
    """Takes requests with their answers and writes them in a thread of its own, which starts with the first.

    Thread-safe: ``_waiting``, ``_waiting_bytes``, ``_thread`` and ``_closing`` change under ``_changed``. In a forked child the
    thread is started anew; what waited belongs to the parent.
    """

    def __init__(self, model: str, backend: str, policy: RecordingPolicy, count: Callable[[str], None]) -> None:
        self._model = model
        self._backend = backend
        self._policy = policy
        self._count = count
        self._writer = RecordingWriter(model, policy)
        self._told = False
        self._closing = False
        self.renew()
        Forks.renew(self)

    def offer(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> None:
        """Take a copy, unless there is no room for it. Never raises, never waits for the disk."""
        try:
            self._count_unless_taken(request, response, seconds)
        except Exception:
            logger.exception("a request of model %r cannot be recorded", self._model)
            self._count("failed")

    def close(self) -> None:
        """Write what waits, for ten seconds at most, and end the thread."""
        with self._changed:
            self._closing = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(CLOSE_SECONDS)

    def renew(self) -> None:
        """Begin without a thread, in a forked child too: the parent's thread, lock and records are not here."""
        self._changed = threading.Condition()
        self._waiting: deque[tuple[RecordedRequest, int]] = deque()
        self._reserved = 0
        self._waiting_bytes = 0
        self._thread: threading.Thread | None = None
        self._paused_until = 0.0
        self._paused_by = "full"

    def _count_unless_taken(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> None:
        if time.monotonic() < self._paused_until:
            self._count(self._paused_by)
            return
        size = size_of(request.inputs) + size_of(response.outputs)
        if not self._reserve(size):
            self._count("dropped")
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
        # The caller may write to both as soon as it has its answer.
        return RecordedRequest(
            copied(request.inputs),
            copied(response.outputs),
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
            self._count(self._outcome(record))
            self._release(size)
            self._rest(time.thread_time() - start)

    def _rest(self, worked_seconds: float) -> None:
        """Leave the interpreter to the callers: a thread that computes all the time delays every one of them by 5 ms."""
        if not self._policy.wait_seconds:
            with self._changed:
                self._changed.wait_for(lambda: self._closing, worked_seconds * REST)

    def _outcome(self, record: RecordedRequest) -> str:
        try:
            outcome = "recorded" if self._writer.add(record) else "full"
        except Exception as error:  # noqa: BLE001  # no request fails because of its recording
            folder = str(self._policy.folder)
            logger.warning("a request of model %r cannot be recorded in %r: %s", self._model, folder, one_line(error))
            outcome = "failed"
        if outcome == "full" and not self._told:
            self._told = True
            logger.warning("the recording of model %r is full: %r", self._model, str(self._policy.folder))
        if outcome != "recorded":
            self._paused_by, self._paused_until = outcome, time.monotonic() + PAUSE_SECONDS
        return outcome
