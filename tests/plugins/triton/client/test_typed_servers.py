"""KServe v2 servers that are not Triton: typed values in JSON and protobuf, and no binary data."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import ml_dtypes
import numpy as np
import pytest
from tests.plugins.triton.client.urls import settings
from tritonclient.grpc import service_pb2

import turnout
from turnout.errors import BackendUnavailableError, InvalidRequestError

VALUES: dict[str, tuple[Any, np.ndarray]] = {
    "BOOL": ([True, False], np.array([True, False])),
    "UINT8": ([0, 255], np.array([0, 255], np.uint8)),
    "UINT64": ([0, 2**64 - 1], np.array([0, 2**64 - 1], np.uint64)),
    "INT8": ([-128, 127], np.array([-128, 127], np.int8)),
    "INT16": ([-1, 1], np.array([-1, 1], np.int16)),
    "INT64": ([-(2**63), 2**63 - 1], np.array([-(2**63), 2**63 - 1], np.int64)),
    "FP16": ([0.5, 2], np.array([0.5, 2], np.float16)),
    "BF16": ([0.5, 2], np.array([0.5, 2], ml_dtypes.bfloat16)),
    "FP32": ([0.1, -3], np.array([0.1, -3], np.float32)),
    "FP64": ([0.1, 1e300], np.array([0.1, 1e300])),
    "BYTES": (["größe", ""], np.array(["größe".encode(), b""], object)),
}
X = np.array([[1, 2]], np.float32)


class Served:
    """What the server says next, and the bodies that it got."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.extensions: list[str] = []
        self.typed_only = False
        self.bodies: list[dict[str, Any]] = []
        self.url = ""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with JSON as ``state`` says."""

    protocol_version = "HTTP/1.1"
    state: Served

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, message: Any, status: int = 200) -> None:
        body = json.dumps(message).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/v2":
            self.answer({"name": "other", "version": "1", "extensions": self.state.extensions})
        elif self.path == "/v2/models/m":
            outputs = [{**output, "shape": [-1] * len(output["shape"])} for output in self.state.outputs]
            self.answer({"name": "m", "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}], "outputs": outputs})
        else:
            self.answer({"detail": "Not Found"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.state.typed_only and "inference-header-content-length" in self.headers:
            self.answer({"error": "the body is no JSON"}, 400)
            return
        if self.state.typed_only:
            self.state.bodies.append(json.loads(body))
        self.answer({"model_name": "m", "id": None, "parameters": None, "outputs": self.state.outputs})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@pytest.fixture
def served() -> Iterator[Served]:
    """A server over HTTP that answers with JSON, and may refuse binary data."""
    state = Served()
    with Server(("127.0.0.1", 0), type("Stateful", (Handler,), {"state": state})) as listening:
        state.url = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            listening.shutdown()
            thread.join()


def ask(url: str, x: np.ndarray = X) -> dict[str, np.ndarray]:
    with turnout.open(settings(url, "m")) as app:
        return dict(app.model("m").infer({"x": x}, timeout_seconds=10))


@pytest.mark.parametrize("datatype", VALUES)
@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_json_numbers_of_every_datatype_are_read(served, datatype, nested) -> None:
    values, right = VALUES[datatype]
    shown = [[value] for value in values] if nested else values
    served.outputs = [{"name": "y", "datatype": datatype, "shape": [2, 1], "data": shown}]

    y = ask(served.url)["y"]

    assert y.dtype == right.dtype
    assert y.tolist() == right.reshape(2, 1).tolist()
    assert y.flags.writeable


def test_texts_in_base64_are_read(served) -> None:
    output = {"name": "y", "datatype": "BYTES", "shape": [1], "data": ["/wA="], "parameters": {"content_type": "base64"}}
    served.outputs = [output]

    assert ask(served.url)["y"].tolist() == [b"\xff\0"]


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "text"),
    [
        ("FP32", [2], [1.0], "1 values for FP32 [2]"),
        ("FP32", [2], [[1.0, 2.0], [3.0]], "3 values for FP32 [2]"),
        ("INT8", [1], [300], "output 'y'|out of bounds"),
        ("INT32", [1], [1.5], "1.5 is no INT32"),
        ("INT32", [1], [True], "True is no INT32"),
        ("FP32", [1], [None], "None is no FP32"),
        ("FP32", [1], ["1"], "'1' is no FP32"),
        ("BOOL", [1], [2], "2 is no BOOL"),
        ("BYTES", [1], [7], "7 is no text"),
    ],
)
def test_values_that_do_not_fit_are_an_error_and_never_another_number(served, datatype, shape, data, text) -> None:
    served.outputs = [{"name": "y", "datatype": datatype, "shape": shape, "data": data}]

    with pytest.raises(BackendUnavailableError) as caught:
        ask(served.url)

    assert any(part in str(caught.value) for part in text.split("|"))
    served.outputs = [{"name": "y", "datatype": "FP32", "shape": [1], "data": [1]}]
    assert ask(served.url)["y"].tolist() == [1]


def test_a_server_that_refuses_binary_data_gets_json_from_then_on(served) -> None:
    served.typed_only = True
    served.outputs = [{"name": "y", "datatype": "FP32", "shape": [1], "data": [3]}]

    with turnout.open(settings(served.url, "m")) as app:
        for _ in range(3):
            assert app.model("m").infer({"x": X})["y"].tolist() == [3]

    assert [body["inputs"] for body in served.bodies] == [
        [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]
    ] * 3


def test_a_number_that_json_does_not_have_is_refused_by_name(served) -> None:
    served.typed_only = True
    served.outputs = [{"name": "y", "datatype": "FP32", "shape": [1], "data": [3]}]

    with pytest.raises(InvalidRequestError, match="tensor 'x' has a number that is not finite, which JSON does not have"):
        ask(served.url, np.array([[np.nan, 1]], np.float32))

    assert ask(served.url)["y"].tolist() == [3]


def test_a_refusal_of_a_server_with_binary_data_stays_the_callers(served) -> None:
    served.typed_only, served.extensions = True, ["binary_tensor_data"]
    served.outputs = [{"name": "y", "datatype": "FP32", "shape": [1], "data": [3]}]

    with pytest.raises(InvalidRequestError, match="the body is no JSON"):
        ask(served.url)

    assert served.bodies == []


@pytest.fixture
def typed_grpc() -> Iterator[tuple[str, Callable[..., None]]]:
    """A server over gRPC whose responses have typed contents."""
    replies: dict[str, Any] = {}

    class Handler(grpc.GenericRpcHandler):
        def service(self, call: grpc.HandlerCallDetails) -> Any:
            name = call.method.rpartition("/")[2]
            if name not in replies:
                return None
            return grpc.unary_unary_rpc_method_handler(lambda request, context: replies[name].SerializeToString())

    def reply(*outputs: service_pb2.ModelInferResponse.InferOutputTensor, raw: tuple[bytes, ...] = ()) -> None:
        described = service_pb2.ModelMetadataResponse(name="m", versions=["1"])
        described.inputs.add(name="x", datatype="FP32", shape=[-1, 2])
        for output in outputs:
            described.outputs.add(name=output.name, datatype=output.datatype, shape=[-1] * len(output.shape))
        replies["ModelMetadata"] = described
        replies["ModelInfer"] = service_pb2.ModelInferResponse(model_name="m", outputs=outputs, raw_output_contents=raw)

    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}", reply
    finally:
        server.stop(0).wait()


def tensor(name: str, datatype: str, shape: list[int], **contents: Any) -> Any:
    filled = service_pb2.InferTensorContents(**contents)
    return service_pb2.ModelInferResponse.InferOutputTensor(name=name, datatype=datatype, shape=shape, contents=filled)


def test_typed_contents_are_read(typed_grpc) -> None:
    url, reply = typed_grpc
    reply(
        tensor("a", "FP32", [2], fp32_contents=[0.5, 2]),
        tensor("b", "INT8", [1, 2], int_contents=[-128, 127]),
        tensor("c", "UINT16", [1], uint_contents=[65535]),
        tensor("d", "UINT64", [1], uint64_contents=[2**64 - 1]),
        tensor("e", "BOOL", [2], bool_contents=[True, False]),
        tensor("f", "BYTES", [1], bytes_contents=[b"\xff\0"]),
        tensor("g", "FP64", [0], fp64_contents=[]),
        tensor("h", "INT64", [1], int64_contents=[-1]),
    )

    got = ask(url)

    assert {name: array.tolist() for name, array in got.items()} == {
        "a": [0.5, 2],
        "b": [[-128, 127]],
        "c": [65535],
        "d": [2**64 - 1],
        "e": [True, False],
        "f": [b"\xff\0"],
        "g": [],
        "h": [-1],
    }
    assert got["b"].dtype == np.int8


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (tensor("y", "FP32", [2], fp32_contents=[1]), r"1 values for FP32 \[2\]"),
        (tensor("y", "FP32", [1]), "output 'y' has neither raw nor typed contents"),
        (tensor("y", "INT32", [1], fp32_contents=[1.5]), "1.5 is no INT32"),
        (tensor("y", "INT8", [1], int_contents=[300]), "300"),
    ],
)
def test_typed_contents_that_do_not_fit_are_an_error(typed_grpc, output, text) -> None:
    url, reply = typed_grpc
    reply(output)

    with pytest.raises(BackendUnavailableError, match=text):
        ask(url)

    reply(tensor("y", "FP32", [1], fp32_contents=[1]))
    assert ask(url)["y"].tolist() == [1]
