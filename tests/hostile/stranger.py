"""KServe v2 servers of strangers: they describe a model well and answer its requests however they like."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict
from tests.plugins.triton.client.broken_servers import broken_server
from tritonclient.grpc import service_pb2

Answer = Callable[[socket.socket], None]
X, Y = ({"name": name, "datatype": "FP32", "shape": [-1, -1]} for name in "xy")
METADATA = {"name": "m", "versions": ["1"], "platform": "of a stranger", "inputs": [X], "outputs": [Y]}
SERVER = {"name": "triton", "version": "2.51.0", "extensions": ["binary_tensor_data"]}


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a response of HTTP."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextlib.contextmanager
def http_stranger(answer: Answer, *, only_infer: bool = True) -> Iterator[str]:
    """Serve ``answer`` to requests, to all of them or, with ``only_infer``, to inference alone; yield the URL."""

    def behave(connection: socket.socket) -> None:
        while head := _read(connection):
            if only_infer and b"/infer" not in head.split(b"\r\n", 1)[0]:
                connection.sendall(reply(json.dumps(_described(head)).encode()))
                continue
            answer(connection)
            return

    with broken_server(behave) as address:
        yield f"http://{address}"


@contextlib.contextmanager
def grpc_stranger(answer: Callable[[], Iterator[bytes]], *, decoupled: bool = False) -> Iterator[str]:
    """Serve the messages of ``answer`` to each inference, in a stream if the model is ``decoupled``; yield the URL."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, call: Any) -> grpc.RpcMethodHandler:
            name = call.method.rpartition("/")[2]
            if name == "ModelStreamInfer":
                return grpc.stream_stream_rpc_method_handler(lambda _requests, _context: answer())
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: _message(name, answer, decoupled))

    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, handlers=[Handler()], options=[("grpc.max_send_message_length", -1)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"grpc://127.0.0.1:{port}"
        finally:
            server.stop(0).wait(5)


def sends(data: bytes, *, closes: bool = True) -> Answer:
    """Send ``data``, and close the connection or keep it open."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        if not closes:
            time.sleep(3)

    return answer


def repeats(first: bytes, again: bytes, pause_seconds: float = 0.0, most_bytes: int = 2**40) -> Answer:
    """Send ``first``, then ``again`` over and over."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(most_bytes // len(again)):
            connection.sendall(again)
            if pause_seconds:
                time.sleep(pause_seconds)

    return answer


def _described(head: bytes) -> dict[str, Any]:
    path = head.split(b" ", 2)[1]
    return SERVER if path == b"/v2" else {"max_batch_size": 0} if path.endswith(b"/config") else METADATA


def _message(name: str, answer: Callable[[], Iterator[bytes]], decoupled: bool) -> bytes:
    if name == "ModelInfer":
        return next(answer())
    config = {"config": {"name": "m", "model_transaction_policy": {"decoupled": decoupled}}}
    described = {"ModelMetadata": METADATA, "ModelConfig": config, "ModelReady": {"ready": True}}.get(name, {})
    return ParseDict(described, getattr(service_pb2, f"{name}Response")()).SerializeToString()


def _read(connection: socket.socket) -> bytes:
    """Return the head of a request after its body, empty at the end of the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := connection.recv(65536)):
            return b""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    size = re.search(rb"content-length: (\d+)", head)
    missing = int(size[1]) - len(body) if size else 0
    while missing > 0:
        missing -= len(connection.recv(65536)) or missing
    return head
