"""The result of a run in types of JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from turnout import PipelineResult, StepFailure, StepPart
from turnout_web.pipelines.values import ValueWriter

_PLACES = 6


def result_record(result: PipelineResult, provided: Iterable[str], writer: ValueWriter, seconds: float) -> dict[str, Any]:
    """Return the result of a run that took ``seconds``; its values are those that the steps ``provided``."""
    return {
        "pipeline": result.pipeline,
        "ok": not result.failures,
        "seconds": round(seconds, _PLACES),
        "values": value_records(result, provided, writer),
        "failures": failure_records(result.failures),
        "parts": [_part_record(part) for part in result.parts],
    }


def value_records(values: Mapping[str, Any], provided: Iterable[str], writer: ValueWriter) -> dict[str, Any]:
    """Return the values that steps wrote."""
    return writer.write_values(values, provided)


def failure_records(failures: Iterable[StepFailure]) -> list[dict[str, Any]]:
    """Return the parts that failed."""
    return [
        {
            "step": failure.step,
            "index": failure.index,
            "model": failure.model,
            "backend": failure.backend,
            "kind": type(failure.error).__name__,
            "detail": failure.error.message,
        }
        for failure in failures
    ]


def _part_record(part: StepPart) -> dict[str, Any]:
    return {
        "step": part.step,
        "part": part.part,
        "start": round(part.start, _PLACES),
        "seconds": round(part.seconds, _PLACES),
        "model": part.model,
        "answered_by": [{"backend": arm.backend, "version": arm.version, "requests": arm.requests} for arm in part.answered_by],
    }
