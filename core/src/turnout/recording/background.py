"""A recording of live traffic, written in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from turnout.errors import one_line
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse
from turnout.log_pace import LogPace
from turnout.metrics.labels import RecordingOutcome
from turnout.recording.policy import RecordingPolicy
from turnout.recording.recorded_request import RecordedRequest
from turnout.recording.writer import RecordingWriter
from turnout.recording.writing_thread import WRITING_THREAD
from turnout.tensors.copies import copy_tensors, size_of

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0
"""The pause after a full folder or a failed write. No request is copied during a pause."""
DRAIN_SECONDS = 5.0
"""How long a recording that has ended writes what waits, beyond the time that its requests may wait; the rest is dropped."""

# Seconds of rest for each second of work: the thread uses a tenth of a CPU; faster traffic is dropped.
_REST = 9
_Item = tuple[RecordedRequest, int]


class BackgroundRecording:
    """Hands requests and their answers to the thread that writes.

    Thread-safe: ``_reserved``, ``_waiting_bytes``, ``_end`` and ``_closing`` are under ``_changed``. Waiting requests stay with
    the parent of a forked child.
    """

    def __init__(self, model: str, backend: str, policy: RecordingPolicy, count: Callable[[RecordingOutcome], None]) -> None:
        self._model = model
        self._backend = backend
        self._policy = policy
        self._count = count
        self._writer = RecordingWriter(model, policy)
        self._full_logged = False
        self._closing = False
        self._end: float | None = None
        self._pace = LogPace()
        self._drain_seconds = DRAIN_SECONDS + policy.wait_seconds
        self.renew()
        Forks.renew(self)

    def offer(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> None:
        """Copy a request and its answer for the thread, or count it as dropped if there is no room.

        Never raises, never waits for the disk.
        """
        self.put(self.copy(request, response, seconds))

    def copy(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> _Item | None:
        """Return a copy for ``put`` or ``discard``; None if there is no room, which is counted. Never raises."""
        try:
            return self._copy_or_count(request, response, seconds)
        except Exception:
            if self._pace.admit() is not None:
                logger.exception("model %r: a request cannot be recorded", self._model)
            self._count(RecordingOutcome.FAILED)
            return None

    def put(self, item: _Item | None) -> None:
        """Hand a copy to the thread. Does not block."""
        if item is not None and self._is_over():
            self._drop(item)
        elif item is not None:
            WRITING_THREAD.put(self, item)

    def discard(self, item: _Item | None) -> None:
        """Drop a copy instead."""
        if item is not None:
            self._drop(item)

    def retire(self) -> None:
        """Write what waits within five seconds: another recording has replaced this one. Does not block."""
        with self._changed:
            self._end = self._end or time.monotonic() + self._drain_seconds
        WRITING_THREAD.hurry(self)

    def close(self) -> None:
        """Write what waits, for five seconds at most since ``retire``; drop and count the rest. Blocks."""
        self.retire()
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._reserved, max(0.0, (self._end or 0.0) - time.monotonic()))
        left = WRITING_THREAD.withdraw(self)
        for item in left:
            self._drop(item)
        if left:
            seconds, folder = self._drain_seconds, str(self._policy.folder)
            logger.warning("model %r: %d requests not recorded in %r within %g s", self._model, len(left), folder, seconds)

    def renew(self) -> None:
        """Reset all state. A forked child calls this: the lock and the waiting records belong to its parent."""
        self._changed = threading.Condition()
        self._reserved = 0
        self._waiting_bytes = 0
        self._paused_until = 0.0
        self._paused_by = RecordingOutcome.FULL

    def write(self, item: object) -> float:
        """Write a record to disk, or drop it if it is too late; return how many seconds the thread rests. Never raises."""
        start, (record, size) = time.thread_time(), cast("_Item", item)
        if self._is_over():
            self._drop(item)
            return 0.0
        self._count(self._write(record))
        self._release(size)
        return 0.0 if self._policy.wait_seconds else (time.thread_time() - start) * _REST

    def _copy_or_count(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> _Item | None:
        if time.monotonic() < self._paused_until:
            self._count(self._paused_by)
            return None
        size = size_of(request.inputs) + size_of(response.outputs)
        if not self._reserve(size):
            self._count(RecordingOutcome.DROPPED)
            return None
        try:
            return self._record(request, response, seconds), size
        except BaseException:
            self._release(size)
            raise

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
            model_version=response.model_version,
        )

    def _reserve(self, size: int) -> bool:
        with self._changed:
            seconds = self._policy.wait_seconds if size <= self._policy.max_waiting_bytes else 0.0
            if not self._changed.wait_for(lambda: self._has_room(size), seconds) or self._closing or self._is_over():
                return False
            self._reserved += 1
            self._waiting_bytes += size
            return True

    def _has_room(self, size: int) -> bool:
        policy = self._policy
        return self._reserved < policy.queue_size and self._waiting_bytes + size <= policy.max_waiting_bytes

    def _release(self, size: int) -> None:
        with self._changed:
            self._reserved -= 1
            self._waiting_bytes -= size
            self._changed.notify_all()

    def _is_over(self) -> bool:
        return self._end is not None and time.monotonic() > self._end

    def _drop(self, item: object) -> None:
        _, size = cast("_Item", item)
        self._count(RecordingOutcome.DROPPED)
        self._release(size)

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
