"""Responses that begin as one before."""

from __future__ import annotations

import contextlib
import json

import pytest
from tests.plugins.triton.client.broken_servers import broken_server, read_request

from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.http.known_responses import KnownResponses
from turnout_triton.client.http.transport import HttpTransport
from turnout_triton.client.messages import KServeRequest, KServeResponse, TensorHead

HEADS = (TensorHead("y", "FP32", (1,)), TensorHead("z", "UINT8", (2,)))
REQUEST = KServeRequest("m", "", "", {}, (TensorHead("x", "UINT8", (2,)),), (b"ab",))


def test_only_the_data_of_a_known_response_are_read() -> None:
    known = KnownResponses()
    known.keep(b"beginning1234ab", 9, KServeResponse("", HEADS, {"y": b"1234", "z": b"ab"}))

    assert known.find(b"beginning5678cd") == KServeResponse("", HEADS, {"y": b"5678", "z": b"cd"})
    assert known.find(b"Beginning5678cd") is None
    assert known.find(b"beginning5678c") is None
    assert known.find(b"beginning5678cde") is None


@pytest.mark.parametrize(
    ("received", "begin", "response"),
    [
        (b"beginning1234", 9, KServeResponse("an id", HEADS[:1], {"y": b"1234"})),
        (b"beginning1234more", 9, KServeResponse("", HEADS[:1], {"y": b"1234"})),
        (b"beginning1234", 5, KServeResponse("", HEADS[:1], {"y": b"1234"})),
        (bytes(5000) + b"1234", 5000, KServeResponse("", HEADS[:1], {"y": b"1234"})),
    ],
    ids=["id", "rest", "other place", "long"],
)
def test_a_response_that_another_may_not_repeat_is_not_kept(received, begin, response) -> None:
    known = KnownResponses()

    known.keep(received, begin, response)

    assert known.find(received) is None


def test_no_more_than_512_beginnings_are_kept() -> None:
    known = KnownResponses()

    for size in range(2000):
        known.keep(bytes(size) + b"1234", size, KServeResponse("", HEADS[:1], {"y": b"1234"}))

    assert len(known._known) <= 512


def reply(shape: list[int], data: bytes, *, status: str = "200 OK", name: str = "y") -> bytes:
    output = {"name": name, "datatype": "UINT8", "shape": shape, "parameters": {"binary_data_size": len(data)}}
    text = json.dumps({"outputs": [output]}).encode()
    head = f"HTTP/1.1 {status}\r\ninference-header-content-length: {len(text)}\r\ncontent-length: {len(text) + len(data)}"
    return head.encode() + b"\r\n\r\n" + text + data


def test_each_response_over_one_connection_is_its_own_whatever_was_known() -> None:
    replies = [
        reply([2], b"ab"),
        reply([2], b"cd"),
        reply([2], b"ef", name="z"),  # as long, with another beginning
        reply([1, 2], b"gh"),
        reply([2], b"ij"),
        b'HTTP/1.1 400 Bad\r\ncontent-length: 13\r\n\r\n{"error":"a"}',
        reply([2], b"kl"),
    ]

    def behave(connection) -> None:
        for sent in replies:
            read_request(connection)
            connection.sendall(sent)

    got: list[object] = []
    with broken_server(behave) as address:
        transport = HttpTransport(parse_endpoint(f"http://{address}", "m"), ConnectionSettings())
        with contextlib.closing(transport):
            transport._takes_binary = True
            for _ in replies:
                try:
                    response = transport.infer(REQUEST, 5)
                    got.append((response.heads[0].name, response.heads[0].shape, bytes(response.data[response.heads[0].name])))
                except Exception as error:  # noqa: BLE001  # compared
                    got.append(type(error).__name__)

    assert got == [
        ("y", (2,), b"ab"),
        ("y", (2,), b"cd"),
        ("z", (2,), b"ef"),
        ("y", (1, 2), b"gh"),
        ("y", (2,), b"ij"),
        "InvalidRequestError",
        ("y", (2,), b"kl"),
    ]
