"""Deadlines that no server could keep: they do not affect other callers."""

from __future__ import annotations

import numpy as np
import pytest
from tests.plugins.triton.client.urls import url_of

from turnout.errors import DeadlineExceededError

USUAL_SECONDS = 0.05
HASTY = 30


def test_deadlines_shorter_than_the_usual_latency_open_no_circuit(server, protocol, open_stack) -> None:
    stack = open_stack(url_of(server, protocol), name="slow")
    request = {"seconds": np.full((1, 1), USUAL_SECONDS, np.float32)}
    for _ in range(3):
        stack.model.infer(request)

    for _ in range(HASTY):
        with pytest.raises(DeadlineExceededError):
            stack.model.infer(request, timeout_seconds=USUAL_SECONDS / 5)

    assert stack.model.infer(request, timeout_seconds=20)["seconds_slept"].tolist() == request["seconds"].tolist()
    assert stack.refused("triton") == 0


def test_the_same_timeouts_of_a_server_that_is_usually_quick_open_it(server, protocol, open_stack) -> None:
    stack = open_stack(url_of(server, protocol), {"circuit_breaker": {"open_seconds": 30}}, name="slow")
    quick, slow = (np.full((1, 1), seconds, np.float32) for seconds in (0.001, 1.0))
    for _ in range(20):
        stack.model.infer({"seconds": quick})

    outcomes = []
    for _ in range(8):
        try:
            stack.model.infer({"seconds": slow}, timeout_seconds=0.2)
        except Exception as error:  # noqa: BLE001  # only the kinds are compared
            outcomes.append(type(error).__name__)

    assert outcomes == ["DeadlineExceededError"] * 5 + ["CircuitOpenError"] * 3
