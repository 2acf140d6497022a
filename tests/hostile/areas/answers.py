"""A server's hostile answers: each is a typed error in time that is counted, the fallback answers, and memory is bounded."""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.hostile.case import Trial
from tests.hostile.stranger import grpc_stranger, http_stranger, repeats, reply, sends
from tests.plugins.triton.client.broken_servers import broken_server
from tests.plugins.triton.client.grpc.test_cut_frames import BREAKS, HEAD, OK, data, responds
from tests.plugins.triton.conftest import write_identity
from tritonclient.grpc import service_pb2

Server = Callable[[], AbstractContextManager[str]]
TIMEOUT_SECONDS, SLACK_SECONDS, MEGABYTES = 0.6, 0.6, 200

# Asks each server without and with a fallback, and prints a line of JSON for it. The first server is a good one.
CLIENT = """
import json, re, sys, time
import numpy as np
from turnout.errors import TurnoutError
from turnout.metrics import Metrics
from turnout.serving.entry import open as open_app

folder, method, timeout, *urls = sys.argv[1:]
x = np.ones((1, 4), np.float32)

def status(field):
    with open("/proc/self/status") as file:
        return int(re.search(field + r":\\s+(\\d+)", file.read())[1]) / 1024

def ask(url, more, seconds):
    metrics = Metrics()
    triton = {"url": url, "shared_memory": "off", "timeout_seconds": seconds}
    backends = {"triton": triton, "onnxruntime": {"path": folder}}
    with open_app({"models": {"m": {"backend": "triton", "backends": backends} | more}}, metrics=metrics) as app:
        start = time.monotonic()
        try:
            if method == "infer":
                answer = app.model("m").infer({"x": x}, timeout_seconds=seconds)["y"].tolist()
            else:
                answer = [part["y"].tolist() for part in app.model("m").infer_stream({"x": x}, timeout_seconds=seconds)]
        except TurnoutError as error:
            answer = f"{type(error).__name__}: {error}"
        except Exception as error:
            answer = f"FOREIGN {type(error).__name__}: {error}"
        taken = time.monotonic() - start
        counted = sum(sample.value for family in metrics.registry.collect() for sample in family.samples
                      if sample.name == "turnout_inference_requests_total" and sample.labels["backend"] == "triton"
                      and sample.labels["outcome"] != "ok")
        return answer, taken, counted

for more in ({}, {"fallback": "onnxruntime"}, {"backend": "onnxruntime"}):  # imports take time
    ask(urls[0], more, 60.0)
for url in urls:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    # The good server shows that the client works, not how fast this machine is.
    alone = ask(url, {}, 60.0 if url == urls[0] else float(timeout))
    guarded = ask(url, {"fallback": "onnxruntime"}, 2 * float(timeout) + 1)
    print(json.dumps([alone, guarded, status("VmHWM") - before]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """Servers by member, each of which is asked by one app alone and by one with a fallback."""

    name: str
    servers: Mapping[str, Server]
    good: Server
    method: str = "infer"
    slow: bool = False
    falls_back: bool = True

    def problems(self, folder: Path) -> list[str]:
        write_identity(folder)
        with contextlib.ExitStack() as stack:
            urls = [stack.enter_context(serve()) for serve in (self.good, *self.servers.values())]
            command = [sys.executable, "-c", CLIENT, str(folder / "identity"), self.method, str(TIMEOUT_SECONDS), *urls]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=60 + 10 * len(urls), check=False)
        lines = ended.stdout.splitlines()
        if len(lines) != len(urls):
            return [f"the app ended with {ended.returncode} at server {len(lines)}: {ended.stderr[-500:]}"]
        (answer, *_), _guarded, _megabytes = json.loads(lines[0])
        found = [] if answer in ([[1.0] * 4], [[[1.0] * 4]]) else [f"the good server: {answer}"]
        results = zip(self.servers, lines[1:], strict=True)
        return found + [f"{member}: {problem}" for member, line in results for problem in self._wrong(json.loads(line))]

    def _wrong(self, result: Any) -> Iterator[str]:
        (answer, taken, counted), (guarded, guarded_taken, _), megabytes = result
        if not isinstance(answer, str) or answer.startswith("FOREIGN") or "\n" in answer:
            yield f"no typed error: {str(answer)[:200]}"
        elif counted != 1:
            yield f"counted {counted} times: {answer[:200]}"
        if taken > TIMEOUT_SECONDS + SLACK_SECONDS or guarded_taken > 2 * TIMEOUT_SECONDS + 1 + SLACK_SECONDS:
            yield f"{taken:.1f} s alone, {guarded_taken:.1f} s with a fallback"
        if self.falls_back and guarded not in ([[1.0] * 4], [[[1.0] * 4]]):
            yield f"the fallback did not answer: {str(guarded)[:300]}"
        if megabytes > MEGABYTES:
            yield f"{megabytes:.0f} MB"


OUTPUT = {"name": "y", "datatype": "FP32", "shape": [1, 4], "parameters": {"binary_data_size": 16}}
ONES = struct.pack("<4f", 1, 1, 1, 1)
OCTETS = "HTTP/1.1 200 OK\r\n"
CHUNKED = f"{OCTETS}transfer-encoding: chunked\r\n\r\n".encode()


def outputs(*described: object, values: bytes = ONES, length: object = None) -> bytes:
    """Return a response of HTTP with ``described`` outputs."""
    head = json.dumps({"outputs": described}).encode()
    return reply(head + values, f"inference-header-content-length: {len(head) if length is None else length}")


def head(**changed: object) -> bytes:
    """Return a response of HTTP whose output differs from the model's."""
    return outputs({**OUTPUT, **changed})


def bomb(name: str, window_bits: int) -> Callable[[Any], None]:
    """Return an answer of 1 GB of zeros in one coding of zlib."""

    @cache
    def packed() -> bytes:
        packer = zlib.compressobj(1, wbits=window_bits)
        return b"".join([*(packer.compress(bytes(2**20)) for _ in range(1024)), packer.flush()])

    return lambda connection: connection.sendall(reply(packed(), f"content-encoding: {name}"))


def http_answers() -> dict[str, Callable[[Any], None]]:
    """Return what an HTTP server does with a request, by name."""
    texts = {
        "empty": b"",
        "garbage": b"\xff\x00garbage\r\n\r\n",
        "no http": b"SSH-2.0-OpenSSH_9.6\r\n",
        "cut-head": b"HTTP/1.1 200 OK\r\ncontent-le",
        "cut-body": outputs(OUTPUT)[:-3],
        "cut-json": reply(b'{"outputs": ['),
        "length-too-long": f"{OCTETS}content-length: 500\r\n\r\nabc".encode(),
        "length-too-short": f"{OCTETS}content-length: 5\r\n\r\n".encode() + outputs(OUTPUT).partition(b"\r\n\r\n")[2],
        "length-negative": f"{OCTETS}content-length: -5\r\n\r\nabc".encode(),
        "length-text": f"{OCTETS}content-length: many\r\n\r\nabc".encode(),
        "length-1e15": f"{OCTETS}content-length: 1{'0' * 15}\r\n\r\nabc".encode(),
        "length-1e40": f"{OCTETS}content-length: 1{'0' * 40}\r\n\r\nabc".encode(),
        "length-1e5000": f"{OCTETS}content-length: 1{'0' * 5000}\r\n\r\nabc".encode(),
        "header-of-100-kb": f"{OCTETS}a: {'b' * 100_000}\r\n\r\n".encode(),
        "headers-10000": f"{OCTETS}{'a: b' + chr(13) + chr(10)}".encode() + b"a: b\r\n" * 10_000 + b"\r\n",
        "chunk-size-garbage": CHUNKED + b"zz\r\n",
        "chunk-size-negative": CHUNKED + b"-5\r\nabc\r\n",
        "chunk-size-huge": CHUNKED + b"f" * 15 + b"\r\nabc",
        "chunk-cut": CHUNKED + b"ff\r\nabc",
        "gzip-garbage": reply(b"no gzip", "content-encoding: gzip"),
        "gzip-cut": reply(zlib.compress(b"{}" * 100, wbits=31)[:-8], "content-encoding: gzip"),
        "deep-json": reply(b"[" * 1_000_000),
        "deep-json-objects": reply(b'{"a":' * 1_000_000),
        "deep-outputs": reply(b'{"outputs": ' + b"[" * 500_000 + b"]" * 500_000 + b"}"),
        "json-number-of-1-mb": reply(b'{"outputs": [{"shape": [' + b"9" * 1_000_000 + b"]}]}"),
        "json-null": reply(b"null"),
        "json-number": reply(b"7"),
        "json-text": reply(b'"outputs"'),
        "html": reply(b"<html>It works!</html>", "content-type: text/html"),
        "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
        "switching": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        "moved": b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\x1b[2J\r\ncontent-length: 0\r\n\r\n",
        "status-999": reply(b"", status="999 What"),
        "status-503": reply(b'{"error": "\\u001b[2Jgone\\nFORGED"}', status="503 Gone"),
        "no-outputs": outputs(values=b""),
        "missing-output": outputs({**OUTPUT, "name": "z"}),
        "unasked-output": outputs(OUTPUT, {**OUTPUT, "name": "z"}, values=2 * ONES),
        "twice": outputs(OUTPUT, OUTPUT, values=2 * ONES),
        "other-datatype": head(datatype="INT32"),
        "other-rank": head(shape=[4]),
        "unknown-datatype": head(datatype="FP31"),
        "shape-too-large": head(shape=[2, 4]),
        "shape-too-small": head(shape=[1, 2]),
        "shape-negative": head(shape=[-1, -4]),
        "shape-minus-one": head(shape=[-1, 4]),
        "shape-overflow": head(shape=[2**40, 2**40]),
        "shape-70-axes": head(shape=[1] * 68 + [1, 4]),
        "shape-fractions": head(shape=[1.0, 4.0]),
        "shape-texts": head(shape=["1", "4"]),
        "size-too-large": head(parameters={"binary_data_size": 2**62}),
        "size-too-small": head(parameters={"binary_data_size": 4}),
        "size-negative": head(parameters={"binary_data_size": -16}),
        "size-text": head(parameters={"binary_data_size": "16"}),
        "no-data": head(parameters={}),
        "json-data-too-many": reply(json.dumps({"outputs": [{**OUTPUT, "parameters": {}, "data": [1] * 5}]}).encode()),
        "json-data-texts": reply(json.dumps({"outputs": [{**OUTPUT, "parameters": {}, "data": ["1"] * 4}]}).encode()),
        "json-data-nested": reply(json.dumps({"outputs": [{**OUTPUT, "parameters": {}, "data": [[[[]]]]}]}).encode()),
        "header-length-negative": outputs(OUTPUT, length=-1),
        "header-length-too-long": outputs(OUTPUT, length=10**9),
        "header-length-text": outputs(OUTPUT, length="x"),
        "header-length-huge": outputs(OUTPUT, length="9" * 5000),
    }
    return {name: sends(text) for name, text in texts.items()}


def slow_answers() -> dict[str, Callable[[Any], None]]:
    """Return answers of HTTP that do not end."""
    good = outputs(OUTPUT)
    return {
        "silent": sends(b"", closes=False),
        "silent-after-head": sends(good[:60], closes=False),
        "byte-each-second": repeats(b"", b"H", 1.0),
        "byte-each-10-ms": repeats(good[:40], b"a", 0.01),
        "endless-headers": repeats(OCTETS.encode(), b"a: b\r\n", 0.001),
        "endless-continue": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
        "endless-chunks-of-1": repeats(CHUNKED, b"1\r\na\r\n", 0.001),
    }


def large_answers() -> dict[str, Callable[[Any], None]]:
    """Return answers of HTTP that would fill the memory."""
    mega = bytes(2**20)
    spaces = b" " * 2**20
    chunk = b"100000\r\n" + mega + b"\r\n"
    return {
        "gzip-bomb": bomb("gzip", 31),
        "deflate-bomb": bomb("deflate", 15),
        "endless-chunks": repeats(CHUNKED, chunk),
        "endless-body": repeats(f"{OCTETS}connection: close\r\n\r\n".encode(), mega),
        "json-of-1-gb": repeats(f"{OCTETS}content-length: {2**30}\r\n\r\n".encode(), spaces, most_bytes=2**30),
        "error-of-1-gb": repeats(f"HTTP/1.1 503 Gone\r\ncontent-length: {2**30}\r\n\r\n".encode(), spaces, most_bytes=2**30),
        "outputs-1000000": sends(reply(b'{"outputs": [' + b"{}," * 1_000_000 + b"{}]}")),
    }


def response(**changed: Any) -> bytes:
    """Return a message whose output differs from the model's."""
    raw = changed.pop("raw", [ONES])
    described = {"name": "y", "datatype": "FP32", "shape": [1, 4], **changed}
    output = service_pb2.ModelInferResponse.InferOutputTensor(**described)
    return service_pb2.ModelInferResponse(outputs=[output], raw_output_contents=raw).SerializeToString()


def grpc_messages() -> dict[str, bytes]:
    """Return messages of a gRPC server by name."""
    good = response()
    return {
        "empty": b"",
        "garbage": b"\xff" * 40,
        "html": b"<html>It works!</html>",
        "varint-without-end": b"\x80" * 1000,
        "declares-2-gb": b"\x32\xff\xff\xff\xff\x07abc",
        "declares-2-eb": b"\x32" + b"\xff" * 8 + b"\x7fabc",
        "missing-output": response(name="z"),
        "other-datatype": response(datatype="INT32"),
        "unknown-datatype": response(datatype="FP31"),
        "other-rank": response(shape=[4]),
        "shape-too-large": response(shape=[2, 4]),
        "shape-negative": response(shape=[-1, -4]),
        "shape-minus-one": response(shape=[-1, 4]),
        "shape-overflow": response(shape=[2**40, 2**40]),
        "shape-70-axes": response(shape=[1] * 68 + [1, 4]),
        "no-data": response(raw=[]),
        "data-twice": response(raw=[ONES, ONES]),
        "data-short": response(raw=[ONES[:7]]),
        "bytes-without-lengths": response(datatype="BYTES"),
        "groups": b"\x33" * 100_000,
        **{f"cut-{size:02}": good[:size] for size in range(len(good))},
    }


def _http(answer: Callable[[Any], None], only_infer: bool) -> Server:
    return lambda: http_stranger(answer, only_infer=only_infer)


def _grpc(message: bytes) -> Server:
    return lambda: grpc_stranger(lambda: iter([message]))


def _stream(answer: Callable[[], Iterator[bytes]]) -> Server:
    return lambda: grpc_stranger(answer, decoupled=True)


def in_stream(message: bytes) -> bytes:
    """Return a message of a stream with the response ``message``, whatever that is."""
    return b"\x12" + _varint(len(message)) + message


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + _varint(number >> 7)


def _hangs(*messages: bytes) -> Iterator[bytes]:
    yield from messages
    time.sleep(3)


def _raw(behave: Callable[[Any], None]) -> Server:
    @contextlib.contextmanager
    def serve() -> Iterator[str]:
        with broken_server(behave) as address:
            yield f"grpc://{address}"

    return serve


def cases() -> Iterator[Trial]:
    """Yield the trials: of each kind a few members for the fast tenth, and all."""
    good_http, good_grpc = _http(sends(outputs(OUTPUT)), True), _grpc(response())
    good_stream = _stream(lambda: iter([in_stream(response())]))
    http, slow, large = http_answers(), slow_answers(), large_answers()
    infer = {name: _http(answer, True) for name, answer in {**http, **slow}.items()}
    every = {name: _http(answer, False) for name, answer in {**http, **slow}.items()}
    messages = {name: _grpc(message) for name, message in grpc_messages().items()}
    # A part of a stream may be without outputs, as the last one of Triton is.
    parts = {name: message for name, message in grpc_messages().items() if message}
    streams = {f"in-{name}": _stream(lambda message=message: iter([in_stream(message)])) for name, message in parts.items()}
    unreadable = ("garbage", "html", "varint-without-end", "declares-2-gb", "declares-2-eb", "groups")
    streams |= {name: _stream(lambda message=parts[name]: iter([message])) for name in unreadable}
    hangs = {"hangs": _grpc_hangs(), "slow-frames": _raw(repeats(HEAD, b"\0", 1.0)), "silent": _raw(sends(b"", closes=False))}
    whole = HEAD + data(response()) + OK
    cuts = {f"cut-{size:03}": _raw(responds(whole[:size])) for size in range(len(whole))}
    huge = HEAD + b"\0\0\x05\0\0\0\0\0\1\0\x7f\xff\xff\xff"
    frames = {**{name: _raw(behave) for name, behave in BREAKS.items()}, "declares-2-gb": _raw(responds(huge)), **hangs}
    stream_hangs = {"hangs": _stream(_hangs), "hangs-inside": _stream(partial(_hangs, in_stream(response())))}
    for name, servers, good, method in (
        ("http", infer, good_http, "infer"),
        ("http-all", every, good_http, "infer"),
        ("http-large", {name: _http(answer, True) for name, answer in large.items()}, good_http, "infer"),
        ("http-all-large", {name: _http(answer, False) for name, answer in large.items()}, good_http, "infer"),
        ("grpc", messages, good_grpc, "infer"),
        ("grpc-frames", frames, good_grpc, "infer"),
        ("grpc-cuts", cuts, good_grpc, "infer"),
        ("stream", streams, good_stream, "stream"),
    ):
        yield from _of_kind(name, servers, good, method)
    # In a stream the first backend gets all the time.
    yield Answers("answers/stream-hangs/1-all", stream_hangs, good_stream, "stream", slow=True, falls_back=False)


def _grpc_hangs() -> Server:
    def answer() -> Iterator[bytes]:
        time.sleep(3)
        yield b""

    return lambda: grpc_stranger(answer)


def _of_kind(name: str, servers: dict[str, Server], good: Server, method: str) -> Iterator[Trial]:
    names = sorted(servers)
    yield Answers(f"answers/{name}/1-all", servers, good, method, slow=True)
    if name not in ("http", "grpc-frames"):
        return
    yield Answers(f"answers/{name}/0-some", {some: servers[some] for some in names[:: max(1, len(names) // 4)]}, good, method)
