"""Errors of a server are one line with model, URL and the server's text; the next good request succeeds."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.plugins.triton.client.urls import url_of

from turnout import InferenceRequest
from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
    InvalidTensorError,
    NotReachedError,
    OverloadedError,
    TurnoutError,
)
from turnout_triton.server import ServerOptions

GOOD = np.array([3, 4], np.float32)


def x(*values: float) -> InferenceRequest:
    return InferenceRequest({"x": np.array(values, np.float32)})


def seconds(*values: float) -> InferenceRequest:
    return InferenceRequest({"seconds": np.array(values, np.float32).reshape(-1, 1)})


def refused(model, request: InferenceRequest, kind: type[TurnoutError], *texts: str) -> None:
    with pytest.raises(kind) as caught:
        model.infer(request)
    assert caught.type is kind
    assert "\n" not in str(caught.value)
    for text in texts:
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"), [(1, "the valve is stuck: turn it"), (2, "ValueError: the pump is dry")], ids=["answers", "raises"]
)
def test_an_error_of_the_model_has_its_text(odd_server, protocol, open_one, memory, value, text) -> None:
    model = open_one(odd_server, "fails", **memory)

    refused(model, x(value), InferenceError, "'fails'", url_of(odd_server, protocol), text)

    assert model.infer(x(3, 4))["y"].tolist() == [3, 4]


def test_an_unknown_model_is_not_loaded(odd_server, protocol, open_one) -> None:
    with pytest.raises(
        BackendUnavailableError, match=r"'faults' on triton at '.*' is not loaded there: .*faults.* correct 'model'"
    ):
        open_one(odd_server, "faults")

    assert open_one(odd_server, "fails").infer(x(3))["y"].tolist() == [3]


def test_a_missing_version_is_not_loaded(odd_server, open_one) -> None:
    with pytest.raises(BackendUnavailableError, match="version 7 is not found"):
        open_one(odd_server, "says", version="7")


def test_a_model_that_failed_to_load_is_not_loaded(own_server, small_repository, open_one, tmp_path) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(small_repository, repository)
    (repository / "broken").mkdir()
    (repository / "broken" / "config.pbtxt").write_text('backend: "python"\n')
    loose = ServerOptions(models=("identity",), grace_seconds=0)
    server = own_server(repository, loose)

    with pytest.raises(BackendUnavailableError, match=r"'broken' on triton .* is not loaded there"):
        open_one(server, "broken")

    assert open_one(server, "identity").ready()


@pytest.mark.parametrize(
    ("inputs", "kind", "text"),
    [
        ({"z": GOOD}, InvalidRequestError, "'z'"),
        ({}, InvalidRequestError, "x"),
        ({"x": GOOD.astype(np.float64)}, InvalidRequestError, "FP64"),
        ({"x": GOOD[None]}, InvalidRequestError, "shape"),
        ({"x": GOOD.astype(np.complex64)}, InvalidTensorError, "complex64"),
        ({"x": [1.0]}, InvalidTensorError, "list"),
    ],
    ids=["name", "none", "datatype", "rank", "complex", "list"],
)
def test_a_wrong_tensor_is_an_invalid_request(odd_server, open_one, memory, inputs, kind, text) -> None:
    model = open_one(odd_server, "fails", **memory)

    refused(model, InferenceRequest(inputs), kind, text)

    assert model.infer(x(3, 4))["y"].tolist() == [3, 4]


def test_a_batch_over_the_servers_limit_is_refused(server, open_one) -> None:
    model = open_one(server, "identity")

    nine = InferenceRequest({"x": np.ones((9, 1), np.float32)})
    refused(model, nine, InvalidRequestError, "batch-size must be <= 8")

    assert model.infer(InferenceRequest({"x": np.ones((8, 1), np.float32)}))["y"].shape == (8, 1)


def test_a_full_queue_is_an_overload(odd_server, open_one) -> None:
    model = open_one(odd_server, "full")

    with ThreadPoolExecutor(8) as pool:
        errors = [future.exception() for future in [pool.submit(model.infer, seconds(0.2)) for _ in range(8)]]

    kinds = {type(error) for error in errors}
    assert kinds == {OverloadedError, type(None)}
    assert "Exceeds maximum queue size" in str(next(error for error in errors if error))
    assert model.infer(seconds(0))["place"].shape == (1, 1)


def test_a_request_that_expires_in_the_queue_is_late(odd_server, open_one) -> None:
    model = open_one(odd_server, "hasty")

    with ThreadPoolExecutor(3) as pool:
        errors = [future.exception() for future in [pool.submit(model.infer, seconds(0.3)) for _ in range(3)]]

    assert {type(error) for error in errors} == {DeadlineExceededError, type(None)}
    assert model.infer(seconds(0))["place"].shape == (1, 1)


def test_a_closed_port_is_not_reached(open_one, protocol) -> None:
    with pytest.raises(NotReachedError, match=r"model 'identity' on triton at '(grpc|http)://127.0.0.1:1' cannot be reached: "):
        open_one(f"{protocol}://127.0.0.1:1", "identity")


def test_an_unknown_host_is_not_reached(open_one, protocol) -> None:
    with pytest.raises(NotReachedError, match="cannot be reached"):
        open_one(f"{protocol}://no-such-host.invalid:8001", "identity", timeout_seconds=5)


def test_the_other_protocols_port_is_unavailable(odd_server, open_one, protocol) -> None:
    ports = odd_server.ports
    wrong = ports.http if protocol == "grpc" else ports.grpc
    start = time.monotonic()

    with pytest.raises(TurnoutError) as caught:
        open_one(f"{protocol}://127.0.0.1:{wrong}", "fails", timeout_seconds=5)

    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, BackendUnavailableError)
    assert time.monotonic() - start < 5.5
    assert open_one(odd_server, "fails").infer(x(3))["y"].tolist() == [3]


def test_a_closed_model_says_so(odd_server, open_one, memory) -> None:
    model, other = (open_one(odd_server, "fails", **memory) for _ in range(2))
    model.close()
    model.close()

    refused(model, x(3), ClosedError, "turnout.open")
    with pytest.raises(ClosedError):
        next(model.infer_stream(x(3)))

    assert not model.ready()
    assert other.infer(x(3))["y"].tolist() == [3]


def test_a_call_in_flight_at_close_ends(odd_server, open_one) -> None:
    model = open_one(odd_server, "ranked")
    with ThreadPoolExecutor(1) as pool:
        in_flight = pool.submit(model.infer, seconds(0.3))
        threading.Event().wait(0.1)
        model.close()
        error = in_flight.exception(timeout=5)

    assert error is None or isinstance(error, ClosedError)
    assert open_one(odd_server, "ranked").infer(seconds(0))["place"].shape == (1, 1)


@pytest.mark.parametrize(
    "parameters",
    [{"a": None}, {"a": 2**70}, {"a": float("nan")}, {"priority": "high"}, {"priority": -1}, {"a": [1]}, {"a": b"x"}, {7: 1}],
    ids=str,
)
def test_parameters_that_no_protocol_carries_are_an_invalid_request(odd_server, open_one, parameters) -> None:
    model = open_one(odd_server, "fails")

    with pytest.raises(InvalidRequestError, match="parameter"):
        model.infer(InferenceRequest({"x": GOOD}, parameters=parameters))

    assert model.infer(x(3, 4))["y"].tolist() == [3, 4]


def test_an_id_that_is_not_a_text_is_an_invalid_request(odd_server, open_one, protocol) -> None:
    model = open_one(odd_server, "fails")

    if protocol == "grpc":
        with pytest.raises(InvalidRequestError, match="correct its id"):
            model.infer(InferenceRequest({"x": GOOD}, id="\udc80"))

    assert model.infer(InferenceRequest({"x": GOOD}, id="ü\n")).id == "ü\n"
