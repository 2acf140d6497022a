"""Decoupled models send any number of responses, over gRPC."""

from __future__ import annotations

import time

import numpy as np
import pytest
from tests.plugins.triton.client.urls import settings, url_of
from tests.plugins.triton.client.waiting import until

import turnout
from turnout import InferenceRequest
from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
)
from turnout.metrics import Metrics

grpc_only = pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
http_only = pytest.mark.parametrize("protocol", ["http"], indirect=True)


def request(count: int, *, pause: float = 0, fails: int = 0, **words) -> InferenceRequest:
    numbers = {"count": np.array([count], np.int32), "fails": np.array([fails], np.int32)}
    return InferenceRequest({**numbers, "pause": np.array([pause], np.float32)}, **words)


def numbers(answers) -> list[int]:
    return [int(answer["number"][0]) for answer in answers]


@grpc_only
@pytest.mark.parametrize("count", [0, 1, 500])
def test_every_response_comes_in_order(odd_server, open_one, memory, count) -> None:
    model = open_one(odd_server, "streams", **memory)

    answers = list(model.infer_stream(request(count, id="seven")))

    assert numbers(answers) == list(range(count))
    assert all(answer.id == "seven" and answer["number"].flags.writeable for answer in answers)


@grpc_only
def test_responses_come_while_the_model_works(odd_server, open_one) -> None:
    start = time.monotonic()
    times = [time.monotonic() - start for _ in open_one(odd_server, "streams").infer_stream(request(3, pause=0.15))]

    assert times[1] - times[0] > 0.1
    assert times[2] - times[1] > 0.1


@grpc_only
def test_leaving_early_stops_the_model(odd_server, open_one) -> None:
    model = open_one(odd_server, "streams")
    before = int(next(model.infer_stream(request(1)))["stopped"][0])

    stream = model.infer_stream(request(10_000, pause=0.01))
    assert numbers([next(stream), next(stream)]) == [0, 1]
    stream.close()

    start = time.monotonic()
    assert int(next(model.infer_stream(request(1)))["stopped"][0]) == before + 1
    assert time.monotonic() - start < 2


@grpc_only
def test_an_error_in_mid_stream_comes_after_the_responses_before_it(odd_server, open_one) -> None:
    model = open_one(odd_server, "streams")
    got = []

    with pytest.raises(InferenceError, match=r"'streams' on triton at 'grpc://.*the belt broke"):
        got.extend(model.infer_stream(request(3, fails=1)))

    assert numbers(got) == [0, 1, 2]
    assert numbers(model.infer_stream(request(2))) == [0, 1]


@grpc_only
def test_a_stream_ends_at_its_deadline(odd_server, open_one) -> None:
    model = open_one(odd_server, "streams")
    got, start = [], time.monotonic()

    with pytest.raises(DeadlineExceededError, match="did not answer in time"):
        got.extend(model.infer_stream(request(100, pause=0.1, deadline=start + 0.35)))

    assert got
    assert 0.35 <= time.monotonic() - start < 0.45
    assert numbers(model.infer_stream(request(2))) == [0, 1]


@grpc_only
def test_wrong_inputs_are_an_invalid_request(odd_server, open_one) -> None:
    model = open_one(odd_server, "streams")

    with pytest.raises(InvalidRequestError, match="'streams' on triton"):
        list(model.infer_stream(InferenceRequest({"count": np.array([1], np.int64)})))

    assert numbers(model.infer_stream(request(2))) == [0, 1]


def test_infer_on_a_decoupled_model_says_what_to_call(odd_server, open_one) -> None:
    model = open_one(odd_server, "streams")

    with pytest.raises(InvalidRequestError, match=r"is decoupled: .*call infer_stream instead of infer"):
        model.infer(request(1))


@http_only
def test_http_refuses_to_stream(odd_server, open_one) -> None:
    with pytest.raises(InvalidRequestError, match=r"'streams' at 'http://.*give the gRPC port as 'url'"):
        next(open_one(odd_server, "streams").infer_stream(request(1)))


@grpc_only
def test_a_model_that_answers_once_streams_once(odd_server, open_one) -> None:
    answers = list(open_one(odd_server, "fails").infer_stream(InferenceRequest({"x": np.array([5], np.float32)})))

    assert [answer["y"].tolist() for answer in answers] == [[5]]


@grpc_only
def test_a_killed_server_ends_the_stream(own_server, odd_server, open_one) -> None:
    from turnout_triton.server import ServerOptions

    server = own_server(odd_server.repository, ServerOptions(models=("streams",), trust=True, grace_seconds=0))
    stream = open_one(server, "streams").infer_stream(request(1000, pause=0.02))
    next(stream)
    server.kill()

    with pytest.raises(BackendUnavailableError):
        list(stream)


def test_a_stream_is_counted_once_however_it_ends(odd_server) -> None:
    metrics = Metrics()
    with turnout.open(settings(url_of(odd_server, "grpc"), "streams"), metrics=metrics) as app:
        model = app.model("streams")
        assert numbers(model.infer_stream(request(3))) == [0, 1, 2]
        left = model.infer_stream(request(100, pause=0.01))
        next(left)
        left.close()
        with pytest.raises(InferenceError):
            list(model.infer_stream(request(1, fails=1)))

    text = metrics.render()
    labels = 'backend="triton",model="streams"'
    assert f'turnout_inference_requests_total{{{labels},outcome="ok"}} 2.0' in text
    assert f'turnout_inference_requests_total{{{labels},outcome="error"}} 1.0' in text
    assert f"turnout_execution_duration_seconds_count{{{labels}}} 3.0" in text
    assert until(lambda: f"turnout_inference_in_flight{{{labels}}} 0.0" in metrics.render(), 1) < 1
