"""A run with an answer: at least one of its items has a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout import Pipeline, PipelineResult
from turnout.errors import PipelineFailedError
from turnout_web.pipelines.description import provided_names
from turnout_web.problems import problem_of


async def run_answered(pipeline: Pipeline, inputs: Mapping[str, Any], timeout_seconds: float | None) -> PipelineResult:
    """Return the result of a run in which at least one item was answered.

    Raises:
        PipelineFailedError: a step got no answer, or every item failed before a model was asked, as each box of a list does
            that is outside of the picture.
        TurnoutError: the run failed.
    """
    result = await pipeline.arun(inputs, timeout_seconds=timeout_seconds)
    if _is_empty(pipeline, result):
        result.raise_for_failures()
    return result


def failed_status(error: PipelineFailedError) -> int:
    """Return the status for a run without an answer: that of its failures, if they agree.

    A request of a step that the model refused is the caller's to fix, and no fault of the server.
    """
    statuses = {problem_of(failure.error).status for failure in error.failures}
    return statuses.pop() if len(statuses) == 1 else problem_of(error).status


def _is_empty(pipeline: Pipeline, result: PipelineResult) -> bool:
    """Return whether no model answered, and each list about items has None alone."""
    if any(part.answered_by for part in result.parts):
        return False
    lists = [value for name in provided_names(pipeline) if isinstance(value := result.get(name), list)]
    return any(lists) and all(item is None for items in lists for item in items)
