"""Closed sets of label values: outcomes, reasons and verdicts.

Each set is here once. Other modules import a member instead of writing its text again, so a typo is an error at import and
not a new time series.
"""

from __future__ import annotations

from asyncio import CancelledError
from enum import StrEnum

from turnout.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    ClosedError,
    DeadlineExceededError,
    ForkedAfterLoadError,
    InvalidInputError,
    InvalidRequestError,
    ModelLoadError,
    NotReachedError,
    OverloadedError,
    PipelineWiringError,
    TurnoutError,
)


class Outcome(StrEnum):
    """The outcome of a request to an arm: label ``outcome`` of ``turnout_inference_requests_total``."""

    OK = "ok"
    INVALID_REQUEST = "invalid_request"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CLOSED = "closed"
    FORKED = "forked"
    """The model was opened before a fork, and cannot be opened again in this process."""
    CANCELLED = "cancelled"
    """The caller was cancelled before the answer: neither an answer nor a failure."""
    ERROR = "error"


class PipelineOutcome(StrEnum):
    """The outcome of a run of a pipeline: label ``outcome`` of ``turnout_pipeline_runs_total``."""

    OK = "ok"
    PARTIAL = "partial"
    """The run returned, with failures."""
    INVALID_REQUEST = "invalid_request"
    """The caller's inputs are wrong."""
    FAILED = "failed"


class StepFailureReason(StrEnum):
    """The reason why a step, or one of its requests, failed: label ``reason`` of ``turnout_step_failures_total``.

    The outcomes of requests that are failures, and one of its own.
    """

    INVALID_INPUT = "invalid_input"
    """A picture, a region or another input of the step is unusable."""
    INVALID_REQUEST = "invalid_request"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CLOSED = "closed"
    FORKED = "forked"
    ERROR = "error"


class Pool(StrEnum):
    """The kind of work that the threads of an app do: label ``pool`` of ``turnout_executor_queue_depth``."""

    INFERENCE = "inference"
    STEPS = "steps"
    CHECKS = "checks"


class FallbackReason(StrEnum):
    """The reason for a fallback: label ``reason`` of ``turnout_fallbacks_total``."""

    CIRCUIT_OPEN = "circuit_open"
    OVERLOADED = "overloaded"
    NOT_REACHED = "not_reached"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    NOT_LOADED = "not_loaded"


class RefusalReason(StrEnum):
    """The reason for a refusal before the backend got the request: label ``reason`` of ``turnout_refused_requests_total``."""

    CIRCUIT_OPEN = "circuit_open"
    MAX_IN_FLIGHT = "max_in_flight"
    QUEUE_FULL = "queue_full"
    INVALID_TENSORS = "invalid_tensors"
    """A tensor is missing, unknown, or of the wrong datatype or shape."""


class Role(StrEnum):
    """The role of a backend for a model: label ``role`` of ``turnout_serving``; the keys of turnout.yaml but ``serves``."""

    SERVES = "serves"
    CANARY = "canary"
    SHADOW = "shadow"
    FALLBACK = "fallback"


class RecordingOutcome(StrEnum):
    """The outcome of recording a request: label ``outcome`` of ``turnout_recorded_requests_total``."""

    RECORDED = "recorded"
    DROPPED = "dropped"
    """The recorder was busy."""
    FULL = "full"
    """The folder is full."""
    FAILED = "failed"
    """The disk refused the record, or the request has no record."""


class Transport(StrEnum):
    """The way of tensors to a server and back: label ``transport`` of ``turnout_transfer_bytes_total``."""

    WIRE = "wire"
    SHARED_MEMORY = "shared_memory"


class Direction(StrEnum):
    """The direction of tensors, as this process sees it: label ``direction`` of ``turnout_transfer_bytes_total``."""

    SENT = "sent"
    RECEIVED = "received"


class Verdict(StrEnum):
    """The outcome of a comparison: label ``verdict`` of ``turnout_shadow_comparisons_total``."""

    MATCH = "match"
    """Every output is within its tolerance."""
    MISMATCH = "mismatch"
    """An output differs, is missing or is unexpected."""
    ERROR = "error"
    """There was no answer to compare."""
    DROPPED = "dropped"
    """Nothing was compared, for lack of time or room."""


# The most specific class first: NotReachedError and CircuitOpenError are BackendUnavailableErrors.
_OUTCOMES: tuple[tuple[type[BaseException], Outcome], ...] = (
    (InvalidRequestError, Outcome.INVALID_REQUEST),
    (OverloadedError, Outcome.OVERLOADED),
    (ForkedAfterLoadError, Outcome.FORKED),
    (BackendUnavailableError, Outcome.UNAVAILABLE),
    (DeadlineExceededError, Outcome.DEADLINE_EXCEEDED),
    (ClosedError, Outcome.CLOSED),
    # A coroutine that is closed with its event loop gets GeneratorExit. Neither is an error of a backend: that is translated.
    (CancelledError, Outcome.CANCELLED),
    (GeneratorExit, Outcome.CANCELLED),
)
_FALLBACK_REASONS: tuple[tuple[type[TurnoutError], FallbackReason], ...] = (
    (CircuitOpenError, FallbackReason.CIRCUIT_OPEN),
    (OverloadedError, FallbackReason.OVERLOADED),
    (NotReachedError, FallbackReason.NOT_REACHED),
    (BackendUnavailableError, FallbackReason.UNAVAILABLE),
    (DeadlineExceededError, FallbackReason.DEADLINE_EXCEEDED),
    (ModelLoadError, FallbackReason.NOT_LOADED),
)


def outcome_of(error: BaseException) -> Outcome:
    """Return the outcome of a request that raised ``error``."""
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), Outcome.ERROR)


def step_failure_reason_of(error: Exception) -> StepFailureReason:
    """Return the reason of a step's failure by ``error``."""
    if isinstance(error, InvalidInputError):
        return StepFailureReason.INVALID_INPUT
    return StepFailureReason(outcome_of(error))


def pipeline_outcome_of(error: BaseException) -> PipelineOutcome:
    """Return the outcome of a run that raised ``error``."""
    wrong = isinstance(error, InvalidRequestError | PipelineWiringError)
    return PipelineOutcome.INVALID_REQUEST if wrong else PipelineOutcome.FAILED


def fallback_reason_of(error: TurnoutError) -> FallbackReason:
    """Return the reason of a fallback after ``error``, which is one of the errors that cause a fallback."""
    return next(reason for kind, reason in _FALLBACK_REASONS if isinstance(error, kind))
