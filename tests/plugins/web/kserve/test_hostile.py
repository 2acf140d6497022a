"""Requests that are broken in any place: always an answer below 500, and a good one after each."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugins.web.kserve.running import Running

GOOD: dict[str, Any] = {
    "id": "a",
    "parameters": {"binary_data_output": False, "timeout": 60_000_000, "priority": 1},
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"more": 1}, "data": [1.0, 2.0]}],
    "outputs": [{"name": "y", "parameters": {"classification": 1, "binary_data": True}}],
}
TEXTS = st.text(max_size=8) | st.sampled_from(["\ud800", "\x00", "FP32", "BYTES", "x", "y"])
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([2**31, 2**63, 2**64, 10**300])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside of ``value``, and of one that is missing in each object."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))
    if isinstance(value, dict):
        yield (*path, "another")


PLACES = [path for path in places(GOOD) if path]


def changed(path: tuple[Any, ...], value: object) -> Any:
    """Return the good request with another value at ``path``."""
    found = copy.deepcopy(GOOD)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return found


def check(server: Running, body: bytes, headers: dict[str, str], path: str = "/v2/models/identity/infer") -> None:
    answer = server.send("POST", path, body, headers)
    assert answer.status < 500, (body, answer.body)
    if answer.status >= 400:
        assert answer.head["error"]
    good = server.infer("identity", GOOD)
    assert good.status == 200


SOME = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SOME
@given(st.sampled_from(PLACES), VALUES)
def test_a_wrong_value_anywhere(ours, path, value) -> None:
    check(ours, json.dumps(changed(path, value)).encode(), {})


@SOME
@given(st.data())
def test_cut_doubled_or_changed_bytes(ours, data) -> None:
    body = bytearray(json.dumps(GOOD).encode())
    at = data.draw(st.integers(0, len(body) - 1))
    stop = data.draw(st.integers(at, len(body)))
    body[at:stop] = data.draw(st.binary(max_size=6) | st.just(bytes(body[at:stop]) * 2))
    length = data.draw(st.none() | st.integers(-1, len(body) + 1))

    check(ours, bytes(body), {} if length is None else {"inference-header-content-length": str(length)})


@SOME
@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "identity", "br", "gzip, gzip", "é"]))
def test_any_bytes_in_any_encoding(ours, body, encoding) -> None:
    check(ours, body, {"content-encoding": encoding})


@SOME
@given(
    st.binary(max_size=60),
    st.integers(0, 2**40),
    st.lists(st.integers(0, 2**40), max_size=3),
    st.sampled_from(["BYTES", "BOOL", "FP16", "INT64"]),
)
def test_any_bytes_as_a_tensor(ours, data, size, shape, datatype) -> None:
    tensor = {"name": f"x_{datatype}", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}
    text = json.dumps({"inputs": [tensor]}).encode()

    check(ours, text + data, {"inference-header-content-length": str(len(text))}, "/v2/models/datatypes/infer")


@pytest.mark.parametrize("name", ["%00", "%FF", "..", "%2e%2e", "a" * 5000, "%0a", "é".encode().hex(), "'%22", "%F0%9F%98%80"])
@pytest.mark.parametrize("rest", ["", "/infer", "/ready", "/stats", "/config", "/versions/%00/infer", "/versions/" + "9" * 300])
def test_any_name(ours, name, rest) -> None:
    check(ours, json.dumps(GOOD).encode(), {}, f"/v2/models/{name}{rest}")
    answer = ours.send("GET", f"/v2/models/{name}{rest}")
    assert 400 <= answer.status < 500
    assert len(answer.head["error"]) <= 500
