from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.commands.verify.arms import prove_batching
from turnout.commands.verify.batching import BatchParity
from turnout.parity import Tolerances, Verdict

REQUESTS = [{"x": np.full((1, 3), value, np.float32)} for value in (1, 2, 4)]


class Applies(ModelInference):
    """Answers with a function of input ``x``."""

    def __init__(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        self._function = function

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({"y": self._function(request.inputs["x"])})


def prove(function: Callable[[NDArray[Any]], NDArray[Any]], requests: Any = REQUESTS, size: int = 4) -> BatchParity | None:
    return prove_batching("m", "direct", Applies(function), requests, tolerances=Tolerances(), max_batch_size=size)


def test_an_arm_with_independent_rows_is_proved() -> None:
    parity = prove(lambda x: x * 2)

    assert parity is not None
    assert (parity.verdict, parity.sizes, parity.text) == (Verdict.MATCH, (2, 3, 4), "")


def test_one_request_is_enough_to_find_a_mean_over_the_batch() -> None:
    parity = prove(lambda x: x - x.mean(axis=0), [{"x": np.array([[1, 2, 3]], np.float32)}])

    assert parity is not None
    assert parity.text.startswith("model 'm': batching, not the backend, changes answers: 'direct' answers row")


@pytest.mark.parametrize(("requests", "size"), [(REQUESTS, 0), (REQUESTS, 1), ([{"x": np.zeros(())}], 4), ([], 4)])
def test_nothing_is_asked_if_no_requests_are_merged(requests: Any, size: int) -> None:
    assert prove(lambda x: x @ x.T, requests, size) is None
