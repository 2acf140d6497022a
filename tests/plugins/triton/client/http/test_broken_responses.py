"""Broken responses over HTTP end as Turnout's errors, in time."""

from __future__ import annotations

import contextlib
import json
import time
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugins.triton.client.broken_servers import (
    Behaviour,
    answers,
    broken_server,
    half_closes,
    refuses_early,
    resets,
    silent,
    trickles,
)
from tests.plugins.triton.client.waiting import in_time

from turnout import InferenceRequest, ModelDeclaration, ModelSignature
from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
    NotReachedError,
    OverloadedError,
    TurnoutError,
)
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.http.transport import HttpTransport
from turnout_triton.inference import TritonInference
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.served_model import ServedModel

OUTPUT = {"name": "y", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def outputs(*output: object, data: bytes = b"\0\0\x80?" * 2, header: str | None = None) -> bytes:
    head = json.dumps({"outputs": list(output)}).encode()
    return reply(head + data, f"inference-header-content-length: {len(head) if header is None else header}")


GOOD = outputs(OUTPUT)


def model_at(address: str) -> TritonInference:
    transport = HttpTransport(parse_endpoint(f"http://{address}", "m"), ConnectionSettings())
    return TritonInference(transport, ServedModel("m", "", ModelSignature(), frozenset(), decoupled=False), "m", 20)


def outcome(behave: Behaviour, seconds: float = 5, x: np.ndarray | None = None) -> list[float] | TurnoutError:
    """Return the output, or the error, which must come in time and have one line."""
    with broken_server(behave) as address, contextlib.closing(model_at(address)) as model:
        sent = np.ones(1, np.float32) if x is None else x
        got = in_time(lambda: output_or_error(model, sent, seconds), seconds + 0.05)
    if isinstance(got, TurnoutError):
        assert "\n" not in str(got)
        assert "'m'" in str(got)
    return got


def output_or_error(model: TritonInference, x: np.ndarray, seconds: float) -> list[float] | TurnoutError:
    try:
        return model.infer(InferenceRequest({"x": x}, time.monotonic() + seconds))["y"].tolist()
    except TurnoutError as error:
        return error


def test_a_good_response_is_accepted() -> None:
    assert outcome(answers(GOOD)) == [1, 1]


@pytest.mark.parametrize("size_bytes", [4, 2**20 - 4, 2**20, 2**20 + 4, 3 * 2**20, 9 * 2**20 + 4])
@pytest.mark.parametrize("kind", ["zeros", "noise"])
@pytest.mark.parametrize(("coding", "window_bits"), [("gzip", 31), ("deflate", 15)])
def test_a_compressed_response_is_read_whole(size_bytes, kind, coding, window_bits) -> None:
    values = (
        np.zeros(size_bytes, np.uint8) if kind == "zeros" else np.random.default_rng(1).integers(0, 99, size_bytes, np.uint8)
    )
    output = {"name": "y", "datatype": "UINT8", "shape": [size_bytes], "parameters": {"binary_data_size": size_bytes}}
    head = json.dumps({"outputs": [output]}).encode()
    packer = zlib.compressobj(1, wbits=window_bits)
    packed = packer.compress(head + values.tobytes()) + packer.flush()
    sent = reply(packed, f"inference-header-content-length: {len(head)}", f"content-encoding: {coding}")

    with broken_server(answers(sent)) as address, contextlib.closing(model_at(address)) as model:
        got = model.infer(InferenceRequest({"x": np.ones(1, np.float32)}, time.monotonic() + 20))["y"]

    assert np.array_equal(got, values)


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"",
        b"\0",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 30 + b"\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nabc",
        reply(b"not gzip", "content-encoding: gzip"),
        reply(zlib.compress(b"{}")[:-3], "content-encoding: deflate"),
        GOOD[:-1],
        GOOD[:40],
    ],
    ids=lambda sent: repr(sent[:40]),
)
def test_a_broken_message_is_unavailable(bytes_sent) -> None:
    assert isinstance(outcome(answers(bytes_sent)), BackendUnavailableError)


@pytest.mark.parametrize(
    "bytes_sent",
    [
        reply(b""),
        reply(b"[]"),
        reply(b"null"),
        reply(b"\xff"),
        reply(b"[" * 100_000),
        reply(b'{"outputs": 7}'),
        reply(b'{"outputs": [7]}'),
        reply(b'{"outputs": {"a": 1}}'),
        outputs({**OUTPUT, "name": 7}),
        outputs({**OUTPUT, "name": None}),
        outputs({**OUTPUT, "name": []}),
        outputs({**OUTPUT, "datatype": "FP31"}),
        outputs({**OUTPUT, "datatype": 1}),
        outputs({**OUTPUT, "shape": "2"}),
        outputs({**OUTPUT, "shape": ["2"]}),
        outputs({**OUTPUT, "shape": [2.0]}),
        outputs({**OUTPUT, "shape": [-2]}),
        outputs({**OUTPUT, "shape": [-1, -2]}),
        outputs({**OUTPUT, "shape": [3]}),
        outputs({**OUTPUT, "shape": [2**40, 2**40]}),
        outputs({**OUTPUT, "shape": [0, 2**70], "parameters": {"binary_data_size": 0}}),
        outputs({**OUTPUT, "shape": [1] * 70, "parameters": {"binary_data_size": 4}}),
        outputs({**OUTPUT, "parameters": 7}),
        outputs({**OUTPUT, "parameters": {"binary_data_size": "8"}}),
        outputs({**OUTPUT, "parameters": {"binary_data_size": -8}}),
        outputs({**OUTPUT, "parameters": {"binary_data_size": 8.5}}),
        outputs({**OUTPUT, "parameters": {}}),
        outputs({"name": "y", "datatype": "FP32", "shape": [2], "data": [1, 2]}),
        outputs({**OUTPUT, "datatype": "BYTES"}),
        outputs({**OUTPUT, "datatype": "BOOL", "parameters": {"binary_data_size": 2}}, data=b"\2\3"),
        outputs(OUTPUT, OUTPUT),
        outputs(OUTPUT, header="-5"),
        outputs(OUTPUT, header="99999"),
        outputs(OUTPUT, header="5"),
        outputs(OUTPUT, header="abc"),
        outputs(OUTPUT, header="9" * 5000),
    ],
    ids=lambda sent: repr(sent[-60:]),
)
def test_a_response_that_cannot_be_read_is_unavailability(bytes_sent) -> None:
    assert isinstance(outcome(answers(bytes_sent)), BackendUnavailableError)


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        ("400 Bad", b'{"error":"no input"}', InvalidRequestError, "no input"),
        ("400 Bad", b"[" * 100_000, InvalidRequestError, "HTTP 400"),
        ("404 No", b"\xff\n\0", NotReachedError, "HTTP 404"),
        ("429 Slow", b"", OverloadedError, "HTTP 429"),
        ("500 Oh", b"", InferenceError, "HTTP 500"),
        ("503 Oh", b'{"error":7}', BackendUnavailableError, "7"),
        ("403 Oh", b'{"error":"go away"}', BackendUnavailableError, "refuses this client: go away"),
        ("302 Moved", b"", NotReachedError, "HTTP 302"),
        ("200 OK", b"", BackendUnavailableError, "not a KServe v2 response"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_refusal_has_the_servers_text(status, body, kind, text) -> None:
    error = outcome(answers(reply(body, status=status)))

    assert isinstance(error, kind)
    assert text in str(error)


@pytest.mark.parametrize(
    "behave",
    [
        silent,
        trickles(b"H"),
        trickles(b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
        trickles(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"a" * 100),
        trickles(b"HTTP/1.1 200 OK\r\nab: cd\r\n" + b"ab: cd\r\n" * 80 + b"a"),
        trickles(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 1000, 0.002),
    ],
    ids=["silent", "status", "continue", "body", "headers", "chunks"],
)
def test_the_deadline_holds_however_slowly_bytes_come(behave) -> None:
    assert isinstance(outcome(behave, 0.3), DeadlineExceededError)


def test_a_server_that_does_not_read_delays_no_request_beyond_its_deadline() -> None:
    def deaf(connection) -> None:
        time.sleep(1)

    assert isinstance(outcome(deaf, 0.3, np.ones(20_000_000, np.float32)), DeadlineExceededError)


@pytest.mark.parametrize("behave", [half_closes, resets(), resets(GOOD[:50])], ids=["half", "reset", "late reset"])
def test_a_connection_that_ends_is_unavailable(behave) -> None:
    error = outcome(behave)

    assert isinstance(error, BackendUnavailableError)
    assert "start it with" in str(error)


def test_a_body_that_is_refused_before_it_was_read_is_an_invalid_request() -> None:
    error = outcome(refuses_early, 5, np.ones(5_000_000, np.float32))

    assert isinstance(error, InvalidRequestError)
    assert "the body is too large" in str(error)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_mutated_response_raises_turnout_errors_only(data) -> None:
    sent = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(sent) - 1))
        sent[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        sent = sent or bytearray(b"x")

    outcome(answers(bytes(sent)), 3)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b"7", b'{"inputs": 7}', b'{"inputs": [7]}', b'{"inputs": [{"name": "x"}]}', b"[" * 100_000, b"\xff", b""],
    ids=lambda body: repr(body[:30]),
)
def test_metadata_that_cannot_be_read_are_a_turnout_error(body) -> None:
    with broken_server(answers(reply(body))) as address, pytest.raises(TurnoutError):
        open_and_infer(f"http://{address}")


def open_and_infer(url: str) -> None:
    model = open_model(ModelDeclaration("m"), TritonOptions(url=url, timeout_seconds=3))
    with contextlib.closing(model):
        model.infer(InferenceRequest({"x": np.ones(1, np.float32)}))
