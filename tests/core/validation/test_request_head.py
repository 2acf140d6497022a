from __future__ import annotations

import math
import time
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from turnout.deadlines import LONGEST_WAIT_SECONDS
from turnout.errors import DeadlineExceededError, InvalidRequestError
from turnout.inference import InferenceRequest, request_of
from turnout.validation.request_head import plain_head

NO_MAPPING = (5, "text", [("a", 1)], {"x"})
NO_PARAMETERS = (
    {5: 1}, {None: 1}, {"\ud800": 1}, {"a": None}, {"a": b"x"}, {"a": [1]}, {"a": math.nan}, {"a": math.inf}, {"a": 2**63},
    {"a": "\ud800"}, {"a": np.ones(2)}, {"priority": -1}, {"priority": 1.5}, {"priority": "high"}, {"priority": True},
)  # fmt: skip


@pytest.mark.parametrize("parameters", [*NO_MAPPING, *NO_PARAMETERS])
def test_parameters_that_a_protocol_cannot_carry_are_refused(parameters: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        plain_head(InferenceRequest({}, parameters=parameters))

    assert caught.value.field == "parameters"


@pytest.mark.parametrize("parameters", [{}, {"a": "x", "b": 1, "c": 0.5, "d": True, "e": -(2**63)}, {"priority": 2**64 - 1}])
def test_parameters_that_both_protocols_carry_pass(parameters: Any) -> None:
    request = InferenceRequest({}, parameters=parameters)

    assert plain_head(request) is request
    assert plain_head(InferenceRequest({}, parameters=MappingProxyType(parameters))).parameters == parameters


@pytest.mark.parametrize("id", [5, b"id", ["id"], "\ud800", True])
def test_an_id_that_is_no_text_is_refused(id: Any) -> None:
    with pytest.raises(InvalidRequestError, match="the id of a request") as caught:
        plain_head(InferenceRequest({}, id=id))

    assert caught.value.field == "id"


@pytest.mark.parametrize("seconds", ["5", b"5", [], math.nan, np.float32("nan"), 1j, True])
def test_a_time_that_is_no_number_is_refused(seconds: Any) -> None:
    for call in (lambda: plain_head(InferenceRequest({}, seconds)), lambda: request_of({}, seconds)):
        with pytest.raises(InvalidRequestError, match="number of seconds") as caught:
            call()

        assert caught.value.field == "deadline"


@pytest.mark.parametrize("seconds", [1e9, math.inf, 10**400, np.float64(1e300), np.int64(2**62)])
def test_a_wait_that_no_socket_can_have_ends_after_20_days(seconds: Any) -> None:
    latest = time.monotonic() + LONGEST_WAIT_SECONDS

    assert plain_head(InferenceRequest({}, seconds)).deadline == pytest.approx(latest, abs=60)
    assert request_of({}, seconds).deadline == pytest.approx(latest, abs=60)


@pytest.mark.parametrize("seconds", [-1, -math.inf, -(10**400), 0])
def test_a_time_in_the_past_is_a_deadline_that_has_passed(seconds: Any) -> None:
    with pytest.raises(DeadlineExceededError):
        request_of({}, seconds).check_deadline()
