"""Errors of runs in which parts failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    PipelineFailedError,
    PipelineUnavailableError,
    StepFailure,
    TurnoutError,
)
from turnout.inference import InferenceResponse
from turnout.pipeline.step import PipelineStep


def explained(step: PipelineStep, outcome: InferenceResponse | TurnoutError) -> InferenceResponse:
    """Return the response of a request of ``step``; an error in it is the one that the step makes of it."""
    error = outcome.error if isinstance(outcome, InferenceResponse) else outcome
    if error is None:
        return cast("InferenceResponse", outcome)
    try:
        shown = step.explain(error)
    except Exception:  # noqa: BLE001  # the code of a step; the first error says more
        shown = error
    if shown is error and isinstance(outcome, InferenceResponse):
        return outcome
    return InferenceResponse({}, error=shown)


def summarize_failures(failures: Sequence[StepFailure]) -> str:
    """Return the number of failures and the first of them, in one line."""
    parts = "1 part failed" if len(failures) == 1 else f"{len(failures)} parts failed, first"
    return f"{parts}: {failures[0]}"


def partial_failure(pipeline: str, failures: Sequence[StepFailure], values: Mapping[str, Any]) -> PipelineFailedError:
    """Return the error of a run that was answered in part."""
    return _error(f"pipeline {pipeline!r}: {summarize_failures(failures)}", failures, failures, values)


def unanswered(
    pipeline: str, steps: Mapping[str, Sequence[StepFailure]], failures: Sequence[StepFailure], values: Mapping[str, Any]
) -> PipelineFailedError:
    """Return the error of a run with ``steps`` that got no answer; each has the failures of all its requests."""
    text = "; ".join(_describe_step(name, requests) for name, requests in steps.items())
    decisive = [failure for requests in steps.values() for failure in requests]
    return _error(f"pipeline {pipeline!r}: {text}", decisive, failures, values)


def _describe_step(name: str, requests: Sequence[StepFailure]) -> str:
    first = requests[0]
    sent = "its request" if len(requests) == 1 else f"all {len(requests)} requests"
    first_of = ", first" if len({failure.error.message for failure in requests}) > 1 else ""
    return f"step {name!r} got no answer: {sent} to model {first.model!r} failed{first_of}: {first.error.message}"


def _error(
    message: str, decisive: Sequence[StepFailure], failures: Sequence[StepFailure], values: Mapping[str, Any]
) -> PipelineFailedError:
    kind = PipelineUnavailableError if _is_unavailability(decisive) else PipelineFailedError
    models, backends = ({getattr(failure, name) for failure in decisive} for name in ("model", "backend"))
    waits = [failure.error.retry_after_seconds for failure in decisive if failure.error.retry_after_seconds is not None]
    return kind(
        message,
        failures,
        values,
        model=models.pop() if len(models) == 1 else None,
        backend=backends.pop() if len(backends) == 1 else None,
        retry_after_seconds=max(waits, default=None),
    )


def _is_unavailability(failures: Sequence[StepFailure]) -> bool:
    # A server that hangs fails the first requests by their deadlines, and its open circuit refuses the rest.
    errors = [failure.error for failure in failures]
    lost = all(isinstance(error, BackendUnavailableError | DeadlineExceededError) for error in errors)
    return lost and any(isinstance(error, BackendUnavailableError) for error in errors)
