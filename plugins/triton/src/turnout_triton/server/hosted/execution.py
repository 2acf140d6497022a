"""The execution of Triton's requests: a response for each."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from turnout_triton.server.hosted.backend_tensors import error_response, inputs_of, response_of
from turnout_triton.server.hosted.request_merging import Arrays, Outcome, Run, run_each, run_merged


def execute(requests: Sequence[Any], run: Run, *, batched: bool, bfloat16_inputs: Container[str] = ()) -> list[Any]:
    """Return a response for each request: its own outputs, or its error."""
    inputs = [_read_inputs(request, bfloat16_inputs) for request in requests]
    readable = [given for given in inputs if not isinstance(given, Exception)]
    outcomes = iter(run_merged(readable, run) if batched else run_each(readable, run))
    return [
        _response(request, given if isinstance(given, Exception) else next(outcomes))
        for request, given in zip(requests, inputs, strict=True)
    ]


def _read_inputs(request: Any, bfloat16_inputs: Container[str]) -> Arrays | Exception:
    try:
        return inputs_of(request, bfloat16_inputs)
    except Exception as error:  # noqa: BLE001  # a tensor without a dtype in numpy is an error of this request
        return error


def _response(request: Any, outcome: Outcome) -> Any:
    if isinstance(outcome, Exception):
        return error_response(_text_of(outcome))
    try:
        return response_of(outcome, list(request.requested_output_names()))
    except Exception as error:  # noqa: BLE001  # the same for outputs
        return error_response(_text_of(error))


def _text_of(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:1000]}"
