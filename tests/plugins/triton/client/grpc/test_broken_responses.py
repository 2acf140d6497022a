"""Broken responses over gRPC end as Turnout's errors, in time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugins.triton.client.broken_servers import answers, broken_server, half_closes, resets, silent, trickles
from tests.plugins.triton.client.waiting import in_time
from tritonclient.grpc import service_pb2

from turnout import InferenceRequest, ModelDeclaration, ModelSignature
from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
    NotReachedError,
    TurnoutError,
)
from turnout.tensors import TensorSpec
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.grpc.transport import GrpcTransport
from turnout_triton.inference import TritonInference
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.served_model import ServedModel

SETTINGS_FRAME = b"\0\0\0\4\0\0\0\0\0"
OUTPUT = service_pb2.ModelInferResponse.InferOutputTensor(name="y", datatype="FP32", shape=[2])
GOOD = service_pb2.ModelInferResponse(outputs=[OUTPUT], raw_output_contents=[b"\0\0\x80?" * 2]).SerializeToString()
REQUEST = {"x": np.ones(1, np.float32)}


class Answers(grpc.GenericRpcHandler):
    """Answers every call with ``reply``, or ends it with a status and a text."""

    def __init__(self) -> None:
        self.reply: bytes | tuple[grpc.StatusCode, str] = b""

    def service(self, call: Any) -> grpc.RpcMethodHandler:
        if call.method.endswith("ModelStreamInfer"):
            return grpc.stream_stream_rpc_method_handler(lambda requests, context: iter([self._answer(None, context)]))
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, _: Any, context: grpc.ServicerContext) -> bytes:
        if isinstance(self.reply, bytes):
            return self.reply
        context.abort(*self.reply)
        raise AssertionError


@pytest.fixture(scope="module")
def serving() -> Iterator[tuple[Answers, str]]:
    handler = Answers()
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield handler, f"grpc://127.0.0.1:{port}"
        server.stop(None).wait()


@pytest.fixture(scope="module")
def send(serving) -> Iterator[Callable[..., Any]]:
    """Returns the outputs, or the error, which has one line and names the model."""
    handler, url = serving

    def one(reply: bytes | tuple[grpc.StatusCode, str], method: str = "infer") -> Any:
        handler.reply = reply
        request = InferenceRequest(REQUEST, time.monotonic() + 5)
        got = outcome(lambda: values(getattr(model, method)(request)))
        if isinstance(got, TurnoutError):
            assert "\n" not in str(got)
            assert "'m'" in str(got)
        return got

    with contextlib.closing(model_at(url)) as model:
        yield one


def model_at(url: str) -> TritonInference:
    transport = GrpcTransport(parse_endpoint(url, "m"), ConnectionSettings())
    return TritonInference(
        transport,
        ServedModel("m", "", ModelSignature((), (TensorSpec("y", "FP32", (-1,)),)), frozenset(), decoupled=False),
        "m",
        20,
    )


def values(result: Any) -> list[float]:
    response = result if hasattr(result, "outputs") else next(iter(result))
    return response["y"].tolist()


def outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except TurnoutError as error:
        return error


def test_a_good_message_is_accepted(send) -> None:
    assert send(GOOD) == [1, 1]


def with_output(**fields: Any) -> bytes:
    output = service_pb2.ModelInferResponse.InferOutputTensor(**({"name": "y", "datatype": "FP32", "shape": [2]} | fields))
    return service_pb2.ModelInferResponse(outputs=[output], raw_output_contents=[b"\0" * 8]).SerializeToString()


@pytest.mark.parametrize(
    "message",
    [
        b"\xff",
        b"\xff" * 100,
        b"\x80" * 1000,
        b"\x32\x05abc",
        b"\x32",
        b"\x33\x34",
        b"\x37",
        b"\x2a\x03abc",
        GOOD[:-1],
        GOOD[:5],
        GOOD + b"\x32\x00",
        b"\x09" + GOOD,
        with_output(datatype="FP31"),
        with_output(datatype=""),
        with_output(shape=[3]),
        with_output(shape=[-2]),
        with_output(shape=[2**40, 2**40]),
        with_output(shape=[1] * 70),
        with_output(datatype="BYTES", shape=[3]),
        service_pb2.ModelInferResponse(outputs=[OUTPUT]).SerializeToString(),
    ],
    ids=lambda message: repr(message[-30:]),
)
def test_a_response_that_cannot_be_read_is_unavailability(send, message) -> None:
    assert isinstance(send(message), BackendUnavailableError)


@pytest.mark.parametrize("extra", [b"\x38\x05", b"\x39" + b"a" * 8, b"\x3d" + b"a" * 4, b"\x3a\x01a"], ids=repr)
def test_fields_of_a_later_protocol_are_skipped(send, extra) -> None:
    assert send(extra + GOOD + extra) == [1, 1]


@pytest.mark.parametrize("message", [b"\xff", b"\x0a\x05abc", b"\x12\x02\xff\xff"], ids=repr)
def test_a_stream_of_garbage_is_unavailability(send, message) -> None:
    assert isinstance(send(message, "infer_stream"), BackendUnavailableError)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNAVAILABLE", BackendUnavailableError),
        ("DEADLINE_EXCEEDED", DeadlineExceededError),
        ("INVALID_ARGUMENT", InvalidRequestError),
        ("RESOURCE_EXHAUSTED", InvalidRequestError),
        ("UNAUTHENTICATED", BackendUnavailableError),
        ("PERMISSION_DENIED", BackendUnavailableError),
        ("CANCELLED", BackendUnavailableError),
        ("INTERNAL", InferenceError),
        ("UNKNOWN", InferenceError),
        ("DATA_LOSS", InferenceError),
    ],
)
def test_a_status_is_an_error_with_the_servers_text(send, code, kind) -> None:
    for method in ("infer", "infer_stream"):
        error = send((grpc.StatusCode[code], "the sky\nis falling"), method)

        assert isinstance(error, kind)
        assert "the sky is falling" in str(error)


@pytest.mark.parametrize("code", ["NOT_FOUND", "UNIMPLEMENTED"])
def test_a_server_without_the_call_is_unavailable_and_the_request_is_not_wrong(send, code) -> None:
    error = send((grpc.StatusCode[code], "the sky\nis falling"))

    assert isinstance(error, NotReachedError)
    assert "the sky is falling; check the URL" in str(error)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_mutated_response_raises_turnout_errors_only(send, data) -> None:
    sent = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(sent)))
        sent[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    send(bytes(sent))


@pytest.mark.parametrize("message", [b"\xff", b"\x0a\x05abc"], ids=repr)
def test_metadata_that_cannot_be_read_are_unavailability(serving, message) -> None:
    handler, url = serving
    handler.reply = message

    with pytest.raises(BackendUnavailableError, match="'m'"):
        open_model(ModelDeclaration("m"), TritonOptions(url=url, timeout_seconds=3))


@pytest.mark.parametrize(
    "behave",
    [
        answers(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        answers(b"\0" * 100),
        answers(SETTINGS_FRAME + b"garbage"),
        half_closes,
        resets(),
        resets(SETTINGS_FRAME),
        silent,
        trickles(b"a"),
        trickles(SETTINGS_FRAME),
    ],
    ids=["http", "zeros", "settings", "half", "reset", "late reset", "silent", "trickle", "pings"],
)
def test_a_server_without_grpc_is_unavailable_in_time(behave) -> None:
    with broken_server(behave) as address, contextlib.closing(model_at(f"grpc://{address}")) as model:
        error = in_time(lambda: outcome(lambda: model.infer(InferenceRequest(REQUEST, time.monotonic() + 0.5))), 0.55)

    assert isinstance(error, BackendUnavailableError | DeadlineExceededError)
