"""Requests that are made in an event loop: where they are converted, and their deadlines."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest
from turnout.errors import DeadlineExceededError, InvalidRequestError, InvalidTensorError
from turnout.inference import EMPTY
from turnout.serving.awaited_request import request_at_once, request_in
from turnout.serving.executor import InferenceExecutor


def made(threads: Any, inputs: Any, timeout_seconds: Any = None) -> InferenceRequest:
    return asyncio.run(request_in(threads, inputs, timeout_seconds, "id", EMPTY))


@pytest.mark.parametrize(
    "inputs",
    [{"x": np.zeros(10**6)}, {"x": np.array([b"a"], object)}, {}, InferenceRequest({"x": object()})],  # type: ignore[dict-item]
    ids=["numbers", "few texts", "nothing", "a request"],
)
def test_what_needs_no_conversion_needs_no_thread(inputs: Any) -> None:
    request = request_at_once(inputs, None, "id", EMPTY)

    assert request is not None
    assert list(request.inputs) == (list(inputs) if isinstance(inputs, dict) else ["x"])


@pytest.mark.parametrize(
    "inputs",
    [{"x": [1]}, {"x": np.array([b"a"] * 1000, object)}, OrderedDict(), [1]],
    ids=["list", "texts", "mapping", "no mapping"],
)
def test_anything_else_is_left_to_a_thread(inputs: Any) -> None:
    assert request_at_once(inputs, None, "", EMPTY) is None


def test_anything_else_is_converted_in_a_thread(executor: InferenceExecutor) -> None:
    class Own(dict[str, Any]):
        """Notes the thread that reads it."""

        thread = ""

        def items(self) -> Any:
            type(self).thread = threading.current_thread().name
            return super().items()

    request = made(executor, Own(x=[1, 2]))

    assert (request.inputs["x"].tolist(), request.id) == ([1, 2], "id")
    assert Own.thread.startswith("turnout-infer")


def test_the_deadline_counts_from_the_call_and_not_from_the_conversion(executor: InferenceExecutor) -> None:
    class Slow:
        def __array__(self, *args: Any, **keywords: Any) -> Any:
            time.sleep(0.05)
            return np.zeros(1)

    before = time.monotonic()
    request = made(executor, {"x": Slow()}, 60)

    assert request.deadline is not None
    assert request.deadline - before < 60.04


def test_a_conversion_that_takes_too_long_ends_at_the_deadline(executor: InferenceExecutor, limit_seconds: int) -> None:
    ended = threading.Event()

    class Hangs:
        def __array__(self, *args: Any, **keywords: Any) -> Any:
            assert ended.wait(limit_seconds)
            return np.zeros(1)

    with pytest.raises(DeadlineExceededError, match="still being converted at the deadline"):
        made(executor, {"x": Hangs()}, 0.01)
    ended.set()


@pytest.mark.parametrize("timeout", ["1", float("nan"), True])
def test_a_timeout_that_is_no_number_is_refused(executor: InferenceExecutor, timeout: Any) -> None:
    for inputs in ({"x": np.zeros(1)}, {"x": [1]}):
        with pytest.raises(InvalidRequestError, match="a timeout is a number of seconds"):
            made(executor, inputs, timeout)


def test_what_is_no_mapping_is_refused(executor: InferenceExecutor) -> None:
    with pytest.raises(InvalidTensorError, match="inputs must map names to arrays"):
        made(executor, [1, 2])
