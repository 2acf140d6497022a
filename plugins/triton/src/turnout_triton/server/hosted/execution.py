"""From Triton's requests to its responses."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from turnout_triton.server.hosted.batching import Answer, Arrays, Run, answer_all, answer_each
from turnout_triton.server.hosted.tensors import error_response, gather, response_of


def execute(requests: Sequence[Any], run: Run, *, batched: bool, bfloat16_inputs: Container[str] = ()) -> list[Any]:
    """Return a response for each request: its own outputs, or what went wrong with it."""
    inputs = [_gathered(request, bfloat16_inputs) for request in requests]
    good = [given for given in inputs if not isinstance(given, Exception)]
    answers = iter(answer_all(good, run) if batched else answer_each(good, run))
    return [
        _response(request, given if isinstance(given, Exception) else next(answers))
        for request, given in zip(requests, inputs, strict=True)
    ]


def _gathered(request: Any, bfloat16_inputs: Container[str]) -> Arrays | Exception:
    try:
        return gather(request, bfloat16_inputs)
    except Exception as error:  # noqa: BLE001  # a tensor that numpy has no dtype for is this request's error
        return error


def _response(request: Any, answer: Answer) -> Any:
    if isinstance(answer, Exception):
        return error_response(_text_of(answer))
    try:
        return response_of(answer, list(request.requested_output_names()))
    except Exception as error:  # noqa: BLE001  # likewise on the way out
        return error_response(_text_of(error))


def _text_of(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:1000]}"
