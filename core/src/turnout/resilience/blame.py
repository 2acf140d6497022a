"""The blame for an error: the backend, or the request."""

from __future__ import annotations

from enum import Enum

from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    DeadlineExceededError,
    ForkedAfterLoadError,
    InferenceError,
    InvalidRequestError,
    ModelLoadError,
    OverloadedError,
)

_FAULTS = (BackendUnavailableError, ModelLoadError)
_DOUBTS = (InferenceError, InvalidRequestError)
# A full queue is no fault: an open circuit would turn a slow second into an outage. Nor is a model that this process cannot use
# because it was forked: no server or engine failed.
_HARMLESS = (OverloadedError, ForkedAfterLoadError, ClosedError)
# A timeout counts as the backend's fault after this many times its usual latency, and after 10 ms at least. A caller with a
# deadline of 2 ms for a model of 50 ms must not open the circuit for all others.
_PATIENCE = 1.5
_MIN_PATIENCE_SECONDS = 0.01
_PATIENCE_BEFORE_FIRST_ANSWER_SECONDS = 0.1


class Blame(Enum):
    """The side that caused an error: no backend, the backend, or one of backend and request."""

    NONE = "none"
    BACKEND = "backend"
    # No text of a runtime says for certain whose fault it is: an index out of range and wrong weights read alike.
    UNDECIDED = "undecided"


def blame_for(error: BaseException, seconds: float, usual_seconds: float | None) -> Blame:
    """Return the blame for ``error`` after a call of ``seconds``, of a backend that usually answers in ``usual_seconds``."""
    if isinstance(error, DeadlineExceededError):
        # One that waited for a thread of this process says nothing about the backend.
        if not error.started:
            return Blame.NONE
        return Blame.BACKEND if seconds >= _patience(usual_seconds) else Blame.NONE
    if isinstance(error, _HARMLESS):
        return Blame.NONE
    if isinstance(error, _FAULTS):
        return Blame.BACKEND
    return Blame.UNDECIDED if isinstance(error, _DOUBTS) else Blame.NONE


def _patience(usual_seconds: float | None) -> float:
    if usual_seconds is None:
        return _PATIENCE_BEFORE_FIRST_ANSWER_SECONDS
    return max(_PATIENCE * usual_seconds, _MIN_PATIENCE_SECONDS)
