"""A request's id, parameters, priority, version and compression."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from turnout import InferenceRequest
from turnout.errors import InvalidRequestError

X = np.ones(3, np.float32)


def request_at_model(model, **words) -> dict:
    return json.loads(model.infer(InferenceRequest({"x": X}, **words))["said"][0])


def test_the_id_reaches_the_model_and_comes_back(odd_server, open_one) -> None:
    model = open_one(odd_server, "says")

    assert request_at_model(model, id="order 66 é")["id"] == "order 66 é"
    assert model.infer(InferenceRequest({"x": X}, id="seven")).id == "seven"


def test_parameters_reach_the_model(odd_server, open_one, protocol) -> None:
    parameters = {"text": "a", "whole": -(2**62), "flag": True, "part": 0.5}

    assert request_at_model(open_one(odd_server, "says"), parameters=parameters)["parameters"] == parameters


@pytest.mark.parametrize(
    ("version", "answered"), [("", "2"), ("1", "1"), (1, "1"), ("2", "2")], ids=["latest", "1", "int", "2"]
)
def test_a_request_reaches_its_version(odd_server, open_one, version, answered) -> None:
    assert request_at_model(open_one(odd_server, "says", version=version))["version"] == answered


@pytest.mark.clock  # the three requests arrive while the first one runs
def test_a_higher_priority_is_executed_first(odd_server, open_one) -> None:
    model = open_one(odd_server, "ranked")

    def place(seconds: float, priority: int) -> int:
        inputs = {"seconds": np.array([[seconds]], np.float32)}
        return int(model.infer(InferenceRequest(inputs, parameters={"priority": priority}))["place"][0, 0])

    with ThreadPoolExecutor(3) as pool:
        pool.submit(place, 0.4, 1)
        threading.Event().wait(0.1)
        low = pool.submit(place, 0, 2)
        threading.Event().wait(0.1)
        high = pool.submit(place, 0, 1)

        assert high.result(5) < low.result(5)


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compressed_requests_are_answered(server, open_one, memory, compression) -> None:
    model = open_one(server, "identity", compression=compression, **memory)
    x = np.tile(np.arange(1000, dtype=np.float32), (8, 1))

    assert np.array_equal(model.infer(InferenceRequest({"x": x}))["y"], x)
    with pytest.raises(InvalidRequestError):
        model.infer(InferenceRequest({"z": x}))
    assert np.array_equal(model.infer(InferenceRequest({"x": x[:1]}))["y"], x[:1])


def test_a_model_can_have_another_name_on_the_server(odd_server, open_one) -> None:
    assert request_at_model(open_one(odd_server, "my_own_name", model="says"))["version"] == "2"
