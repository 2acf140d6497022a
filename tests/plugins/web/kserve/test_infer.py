"""Inference over HTTP: what a client sees besides the values."""

from __future__ import annotations

import json
import struct
import threading

import numpy as np
import pytest
from tests.plugins.web.kserve.running import Running, running

import turnout
from turnout_web.settings import ServeSettings

ONE = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [2]}]}
HEADER = "inference-header-content-length"


def send(server: Running, head: object, **headers: str):
    return server.send("POST", "/v2/models/identity/infer", json.dumps(head).encode(), headers)


def ask_good(server: Running) -> None:
    assert send(server, ONE).head["outputs"][0]["data"] == [2.0]


@pytest.mark.parametrize("seconds", ["0.000000001", "1e-9"])
def test_a_request_that_is_late_gets_504(ours, seconds) -> None:
    late = send(ours, ONE, **{"x-request-timeout": seconds})

    assert late.status == 504
    assert late.head["kind"] == "DeadlineExceededError"
    ask_good(ours)


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "nan", "inf", ""])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(ours, seconds) -> None:
    refused = send(ours, ONE, **{"x-request-timeout": seconds})

    assert refused.status == 400
    assert "X-Request-Timeout is a number of seconds above 0" in refused.head["detail"]
    ask_good(ours)


def test_the_shorter_of_two_timeouts_counts(ours) -> None:
    long, short = {**ONE, "parameters": {"timeout": 60_000_000}}, {**ONE, "parameters": {"timeout": 1}}

    assert send(ours, long, **{"x-request-timeout": "0.000000001"}).status == 504
    assert send(ours, short, **{"x-request-timeout": "60"}).status == 504
    assert send(ours, long, **{"x-request-timeout": "60"}).status == 200


def test_a_form_that_is_known_is_answered_with_each_requests_own_values(ours) -> None:
    text = json.dumps(
        {
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": 16}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()

    for number in range(5):
        data = struct.pack("<4f", number, 1, 2, 3)
        answer = ours.send("POST", "/v2/models/identity/infer", text + data, {HEADER: str(len(text))})
        assert answer.tensors["y"]["binary"] == data
    wrong = ours.send("POST", "/v2/models/identity/infer", text + data[:-1], {HEADER: str(len(text))})
    assert wrong.status == 400
    elsewhere = ours.send("POST", "/v2/models/rank0/infer", text + data, {HEADER: str(len(text))})
    assert elsewhere.status == 400
    assert "rank0" in elsewhere.head["detail"]


def test_answers_do_not_share_memory(ours) -> None:
    arrays = [np.full((8, 100_000), number, np.float32) for number in range(8)]
    found: dict[int, bytes] = {}

    def ask(number: int) -> None:
        head = {
            "inputs": [
                {
                    "name": "x",
                    "datatype": "FP32",
                    "shape": [8, 100_000],
                    "parameters": {"binary_data_size": arrays[number].nbytes},
                }
            ],
            "parameters": {"binary_data_output": True},
        }
        found[number] = ours.infer("identity", head, arrays[number].tobytes()).tensors["y"]["binary"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(found[number] == arrays[number].tobytes() for number in range(8))


def test_json_beyond_the_limits_is_refused(models) -> None:
    settings = ServeSettings(max_json_depth=8, max_json_values=50, max_body_bytes=2000)
    deep = b'{"inputs":' + b"[" * 20 + b"]" * 20 + b"}"
    many = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 60], "data": [1] * 60}]}

    with turnout.open(models) as app, running(app, settings) as server:
        for body, reason, limit in (
            (deep, "nested deeper than 8 levels", "depth"),
            (json.dumps(many).encode(), "more than 50 values", "values"),
        ):
            refused = server.send("POST", "/v2/models/identity/infer", body)
            assert refused.status == 400
            advice = f"{reason}; send less, or start the server with a larger --max-json-{limit}"
            assert refused.head["detail"].endswith(advice)
        assert server.send("POST", "/v2/models/identity/infer", b"x" * 2001).status == 413
        ask_good(server)


def test_a_body_that_is_deep_beyond_pythons_stack_is_refused(ours) -> None:
    body = b'{"inputs":' + b"[" * 60_000 + b"]" * 60_000 + b"}"

    assert ours.send("POST", "/v2/models/identity/infer", body).status == 400
    ask_good(ours)


def test_a_closed_app_is_not_live(models) -> None:
    app = turnout.open(models)
    with running(app) as server:
        ask_good(server)
        app.close()

        assert server.send("GET", "/v2/health/live").status == 400
        assert server.send("GET", "/v2/health/ready").status == 400
        assert send(server, ONE).status == 503


def test_a_model_that_cannot_be_opened_is_not_ready_and_says_why(tmp_path, models) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    document = {**models, "models": {**models["models"], "broken": {"backends": {"onnxruntime": {"path": str(broken)}}}}}

    with turnout.open(document) as app, running(app) as server:
        for path in ("", "/config"):
            assert server.send("GET", f"/v2/models/broken{path}").status >= 500
        refused = server.infer("broken", ONE)
        not_ready = server.send("GET", "/v2/models/broken/ready")
        index = server.send("POST", "/v2/repository/index").head

        assert "broken.onnx" in refused.head["detail"]
        assert not_ready.status == 400
        assert "broken.onnx" in not_ready.head["detail"]
        assert [one["name"] for one in index if one["state"] == "UNAVAILABLE"] == ["broken"]
        assert server.send("POST", "/v2/repository/index", b'{"ready": true}').head == [
            one for one in index if one["name"] != "broken"
        ]
        assert server.send("GET", "/v2/health/ready").status == 400
        ask_good(server)


def test_probes_need_no_token(models) -> None:
    with turnout.open(models) as app, running(app, ServeSettings(token="secret")) as server:
        assert server.send("GET", "/v2/health/live").status == 200
        assert server.send("GET", "/v2/health/ready").status == 200
        assert server.send("GET", "/v2").status == 401
        assert send(server, ONE).status == 401
        assert send(server, ONE, authorization="Bearer secret").status == 200
