"""Requests that both servers get, and the differences between their answers that are wanted."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SIZES = {
    "BOOL": 1, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8,
    "FP16": 2, "FP32": 4, "FP64": 8,
}  # fmt: skip
DATATYPES = (*SIZES, "BYTES")
INFER = "/v2/models/identity/infer"
ALL = "/v2/models/datatypes/infer"
HALF = "/v2/models/bfloat16/infer"

# The first column of the table in docs/reference/kserve.md, with the status of Triton 2.51 and of this server.
DIFFERENCES = {
    "JSON that is broken, lacks a member or has one of the wrong type": (500, 400),
    "A JSON number of the wrong kind, or as many as the shape does not hold": (500, 400),
    "An integer that its datatype does not hold": (200, 400),
    "A number that no double holds": (500, 200),
    "A key twice in one object": (200, 400),
    "A body that is empty": (200, 400),
    "A packed body that is broken": (200, 400),
    "A body in an encoding that is not known": (501, 415),
    "FP16 or BF16 in JSON": (400, 200),
    "BOOL with a byte that is neither 0 nor 1": (200, 400),
    "BYTES that are not UTF-8, to a model that takes text": (500, 400),
    "Values that the model refuses, such as an index out of range": (500, 400),
    "A shape whose size no machine holds": (500, 400),
    "A deadline in the parameter timeout that passes": (200, 504),
    "A tensor of rank 0, which Triton has as [1]": (400, 200),
    "A tensor [1] for an input of rank 0": (200, 400),
    "An unknown model or version, asked for its readiness or statistics": (400, 404),
    "HEAD for a page that answers GET": (405, 200),
    "A name in percent encoding": (404, 200),
    "Shared memory, traces and the log level": (200, 404),
    "The generate extension": (400, 404),
}


@dataclass(frozen=True)
class Case:
    """One request; ``differs`` is the key of ``DIFFERENCES`` if the answers differ."""

    name: str
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    differs: str = ""


def cases() -> list[Case]:
    """Return all of them."""
    found = [*_forms(), *_wrong_json(), *_wrong_values(), *_datatypes(), *_binary(), *_packed(), *_pages()]
    assert len({case.name for case in found}) == len(found)
    return found


def _case(name: str, head: object, differs: str = "", path: str = INFER) -> Case:
    body = head if isinstance(head, bytes) else json.dumps(head).encode()
    return Case(name, "POST", path, body, {"content-type": "application/json"}, differs)


def _with(**members: Any) -> dict[str, Any]:
    return {"inputs": [_input()], **members}


def _input(**members: Any) -> dict[str, Any]:
    return {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2.5], **members}


def _one(**members: Any) -> dict[str, Any]:
    return {"inputs": [_input(**members)]}


def _output(**parameters: Any) -> dict[str, Any]:
    return _with(outputs=[{"name": "y", "parameters": parameters}])


def _forms() -> Iterator[Case]:
    unread = "JSON that is broken, lacks a member or has one of the wrong type"
    yield _case("plain", _with())
    yield _case("nested rows", _one(shape=[2, 2], data=[[1, 2], [3, 4]]))
    yield _case("rows that are not nested as the shape says", _one(data=[[1], [2]]))
    yield _case("an id", _with(id="a-1"))
    yield _case("an id of other letters", _with(id="ä€"))
    yield _case("an id that is a number", _with(id=5), unread)
    yield _case("parameters", _with(parameters={"a": 1, "b": "x", "c": True}))
    yield _case("a parameter that is null", _with(parameters={"a": None}))
    yield _case("a parameter that is a list", _with(parameters={"a": [1]}))
    yield _case("parameters that are a list", _with(parameters=[1]), unread)
    yield _case("a member that no one knows", _with(more=1))
    yield _case("the wanted output", _with(outputs=[{"name": "y"}]))
    yield _case("no wanted outputs", _with(outputs=[]))
    yield _case("a wanted output twice", _with(outputs=[{"name": "y"}, {"name": "y"}]))
    yield _case("an unknown output", _with(outputs=[{"name": "z"}]))
    yield _case("an output without a name", _with(outputs=[{}]), unread)
    yield _case("an output in binary", _output(binary_data=True))
    yield _case(
        "an output in JSON by name",
        _with(outputs=[{"name": "y", "parameters": {"binary_data": False}}], parameters={"binary_data_output": True}),
    )
    yield _case("all outputs in binary", _with(parameters={"binary_data_output": True}))
    yield _case("all outputs in JSON", _with(parameters={"binary_data_output": False}))
    yield _case("binary_data that is a number", _output(binary_data=1), unread)
    yield _case("binary_data_output that is a number", _with(parameters={"binary_data_output": 1}), unread)
    for count in (1, 2, 5):
        yield _case(f"the {count} best classes", _output(classification=count))
    yield _case(
        "the best class of each row",
        {
            "inputs": [_input(shape=[2, 3], data=[3, 1, 2, -4, -6, -5])],
            "outputs": [{"name": "y", "parameters": {"classification": 2}}],
        },
    )
    yield _case("no classes", _output(classification=0))
    yield _case("the best class in binary", _output(classification=1, binary_data=True))
    yield _case("fewer classes than none", _output(classification=-1), unread)
    yield _case("classes that are a text", _output(classification="x"), unread)
    yield _case("priority", _with(parameters={"priority": 1}))
    yield _case("a negative priority", _with(parameters={"priority": -1}), unread)
    yield _case("a sequence", _with(parameters={"sequence_id": 7, "sequence_start": True, "sequence_end": True}))
    yield _case("timeout 0", _with(parameters={"timeout": 0}))
    yield _case("a timeout of a minute", _with(parameters={"timeout": 60_000_000}))
    yield _case("a timeout that passes", _with(parameters={"timeout": 1}), "A deadline in the parameter timeout that passes")
    yield _case("a timeout that is a text", _with(parameters={"timeout": "x"}), unread)
    yield _case("its version", _with(), path="/v2/models/identity/versions/1/infer")
    yield _case("another version", _with(), path="/v2/models/identity/versions/9/infer")
    yield _case("a version that is no number", _with(), path="/v2/models/identity/versions/x/infer")
    yield _case("inference by an unknown model", _with(), path="/v2/models/nothing/infer")
    yield Case("no content type", "POST", INFER, json.dumps(_with()).encode())
    yield Case("another content type", "POST", INFER, json.dumps(_with()).encode(), {"content-type": "text/plain"})


def _wrong_json() -> Iterator[Case]:
    unread = "JSON that is broken, lacks a member or has one of the wrong type"
    yield _case("no JSON", b"{nope", unread)
    yield _case("half of JSON", json.dumps(_with()).encode()[:-5], unread)
    yield _case("bytes that are no text", b'{"id":"\xff\xfe"}', unread)
    yield _case("more after the JSON", json.dumps(_with()).encode() + b"xx", unread)
    for name, value in {"a list": [], "a text": "x", "a number": 1, "null": None}.items():
        yield _case(f"JSON that is {name}", value, unread)
    yield _case("nothing", b"", "A body that is empty")
    yield _case(
        "a key twice",
        b'{"id":"a","id":"b","inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}',
        "A key twice in one object",
    )
    yield _case("no inputs member", {}, unread)
    yield _case("inputs that are an object", {"inputs": {}}, unread)
    yield _case("inputs that are null", {"inputs": None}, unread)
    yield _case("an input that is a number", {"inputs": [1]})
    for name in ("name", "datatype", "shape"):
        given = _input()
        del given[name]
        yield _case(f"an input without {name}", {"inputs": [given]}, unread)
        yield _case(f"an input whose {name} is null", _one(**{name: None}), unread)
        yield _case(f"an input whose {name} is a number", _one(**{name: 2}), unread)
    for shape in ([-1, 2], ["1", 2], [1.0, 2], [1.5, 2], [None, 2], [True, 2]):
        yield _case(f"shape {shape}", _one(shape=shape), unread)
    yield _case("data that are a number", _one(shape=[1, 1], data=5), unread)
    yield _case("data that are null", _one(data=None), unread)
    yield _case("data that are an object", _one(data={}), unread)


def _wrong_values() -> Iterator[Case]:
    kind = "A JSON number of the wrong kind, or as many as the shape does not hold"
    yield _case("no inputs", {"inputs": []})
    yield _case("an unknown input", _one(name="z"))
    yield _case("one input too many", {"inputs": [_input(), _input(name="z")]})
    yield _case("an input twice", {"inputs": [_input(), _input()]})
    yield _case("no data", {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2]}]})
    yield _case("another datatype", _one(datatype="INT32", data=[1, 2]))
    yield _case("an unknown datatype", _one(datatype="FP99"))
    yield _case("a datatype in small letters", _one(datatype="fp32"))
    yield _case("an axis too few", _one(shape=[2]))
    yield _case("an axis too many", _one(shape=[1, 1, 2]))
    yield _case("too many rows", _one(shape=[9, 1], data=[1] * 9))
    yield _case("as many rows as possible", _one(shape=[8, 1], data=[1] * 8))
    yield _case("no rows", _one(shape=[0, 1], data=[]))
    yield _case("no columns", _one(shape=[1, 0], data=[]))
    yield _case("a shape that overflows", _one(shape=[2**62, 2**62]), "A shape whose size no machine holds")
    yield _case("an element too few", _one(data=[1]), kind)
    yield _case("an element too many", _one(data=[1, 2, 3]), kind)
    for name, data in {"texts": ["a", "b"], "booleans": [True, False], "a null": [None, 1], "an object": [{}, 1]}.items():
        yield _case(f"data with {name}", _one(data=data), kind)
    yield _case(
        "NaN and infinities", b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[NaN,Infinity,-Infinity]}]}'
    )
    yield _case("a number beyond FP32", _one(data=[1e39, -1e39]))
    yield _case(
        "a number beyond all",
        b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1e400]}]}',
        "A number that no double holds",
    )
    yield _case("small numbers", _one(data=[1e-50, -0.0]))
    yield _case(
        "a tensor of rank 0",
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [], "data": [2]}]},
        "A tensor of rank 0, which Triton has as [1]",
        "/v2/models/rank0/infer",
    )
    yield _case(
        "a tensor [1] for rank 0",
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [2]}]},
        "A tensor [1] for an input of rank 0",
        "/v2/models/rank0/infer",
    )
    yield _case(
        "an index out of range",
        {"inputs": [{"name": "index", "datatype": "INT64", "shape": [1, 1], "data": [9]}]},
        "Values that the model refuses, such as an index out of range",
        "/v2/models/lookup/infer",
    )
    yield _case(
        "an index in range",
        {"inputs": [{"name": "index", "datatype": "INT64", "shape": [2, 1], "data": [3, 0]}]},
        path="/v2/models/lookup/infer",
    )


# ---- every datatype: a model with an input of each


def _raw(datatype: str, seed: int = 0) -> bytes:
    if datatype == "BYTES":
        return b"\x01\0\0\0a\x03\0\0\0b\xc3\xa9"
    return bytes((seed + index) % 2 for index in range(2 * SIZES[datatype]))


def _mixed(
    json_data: Mapping[str, list[Any]], binary: Mapping[str, bytes], more: Mapping[str, Any], name: str, differs: str = ""
) -> Case:
    """Return a request with ``json_data``, and everything else in binary."""
    inputs, data = [], b""
    for datatype in DATATYPES:
        head: dict[str, Any] = {"name": f"x_{datatype}", "datatype": datatype, "shape": [1, 2]}
        if datatype in json_data:
            inputs.append({**head, "data": json_data[datatype]})
            continue
        raw = binary.get(datatype, _raw(datatype))
        inputs.append({**head, "parameters": {"binary_data_size": len(raw)}})
        data += raw
    text = json.dumps({"inputs": inputs, **more}).encode()
    return Case(name, "POST", ALL, text + data, {"inference-header-content-length": str(len(text))}, differs)


def _binary_out(*datatypes: str) -> dict[str, Any]:
    return {"outputs": [{"name": f"y_{one}", "parameters": {"binary_data": True}} for one in datatypes]}


def _json_out(*datatypes: str) -> dict[str, Any]:
    return {"outputs": [{"name": f"y_{one}"} for one in datatypes]}


def _datatypes() -> Iterator[Case]:
    half, kind = "FP16 or BF16 in JSON", "A JSON number of the wrong kind, or as many as the shape does not hold"
    yield _mixed({}, {}, {"parameters": {"binary_data_output": True}}, "all datatypes in binary")
    yield _mixed({}, {}, {}, "all datatypes to JSON", half)
    for datatype in DATATYPES:
        differs = half if datatype == "FP16" else ""
        good: list[Any] = [True, False] if datatype == "BOOL" else ["a", "é\u0000"] if datatype == "BYTES" else [1, 2]
        yield _mixed({}, {}, _binary_out(datatype), f"{datatype} from binary to binary")
        yield _mixed({}, {}, _json_out(datatype), f"{datatype} from binary to JSON", differs)
        yield _mixed({datatype: good}, {}, _binary_out(datatype), f"{datatype} from JSON to binary", differs)
        yield _mixed({datatype: good}, {}, _json_out(datatype), f"{datatype} from JSON to JSON", differs)
        yield _mixed({}, {datatype: _raw(datatype)[:-1]}, _binary_out(datatype), f"{datatype} a byte too short")
        yield _mixed({}, {datatype: _raw(datatype) + b"\0"}, _binary_out(datatype), f"{datatype} a byte too long")
        if datatype != "FP16":
            wrong = [1, 2] if datatype in ("BOOL", "BYTES") else ["1", "2"]
            yield _mixed({datatype: wrong}, {}, _json_out(datatype), f"{datatype} from JSON of another kind", kind)
            yield _mixed(
                {datatype: good[:1]},
                {},
                _json_out(datatype),
                f"{datatype} from too little JSON",
                kind if datatype != "BYTES" else "",
            )
    yield from _ranges(kind)
    yield from _texts_and_halves(half)


def _ranges(kind: str) -> Iterator[Case]:
    for datatype in ("INT8", "INT16", "INT32", "UINT8", "UINT16", "UINT32"):
        bits = 8 * SIZES[datatype] - (not datatype.startswith("U"))
        largest = 2**bits - 1
        yield _mixed({datatype: [largest, 0]}, {}, _json_out(datatype), f"the largest {datatype}")
        yield _mixed(
            {datatype: [largest + 1, 0]},
            {},
            _json_out(datatype),
            f"one more than the largest {datatype}",
            "An integer that its datatype does not hold",
        )
    for datatype, largest in {"INT64": 2**63 - 1, "UINT64": 2**64 - 1}.items():
        yield _mixed({datatype: [largest, 0]}, {}, _json_out(datatype), f"the largest {datatype}")
        yield _mixed({datatype: [largest + 1, 0]}, {}, _json_out(datatype), f"one more than the largest {datatype}", kind)
    for datatype in ("UINT8", "UINT64"):
        yield _mixed({datatype: [-1, 0]}, {}, _json_out(datatype), f"a negative {datatype}", kind)
    for datatype in ("INT8", "INT64", "UINT32"):
        yield _mixed({datatype: [1.5, 0]}, {}, _json_out(datatype), f"a fraction for {datatype}", kind)
    for datatype in ("FP32", "FP64"):
        yield _mixed({datatype: [0.1, -2.5e-3]}, {}, _json_out(datatype), f"fractions for {datatype}")
        letter = "f" if datatype == "FP32" else "d"
        yield _mixed(
            {},
            {datatype: struct.pack(f"<2{letter}", float("nan"), float("-inf"))},
            _json_out(datatype),
            f"NaN of {datatype} to JSON",
        )


def _texts_and_halves(half: str) -> Iterator[Case]:
    yield _mixed(
        {}, {"BOOL": b"\x02\0"}, _binary_out("BOOL"), "BOOL with another byte", "BOOL with a byte that is neither 0 nor 1"
    )
    yield _mixed(
        {},
        {"BYTES": b"\x01\0\0\0\xff\x01\0\0\0b"},
        _binary_out("BYTES"),
        "BYTES that are no text",
        "BYTES that are not UTF-8, to a model that takes text",
    )
    yield _mixed({}, {"BYTES": b"\0\0\0\0\0\0\0\0"}, _json_out("BYTES"), "BYTES that are empty")
    yield _mixed({}, {"BYTES": b"\x01\0\0\0a\x09\0\0\0b"}, _binary_out("BYTES"), "BYTES that end early")
    yield _mixed({}, {"BYTES": b"\x01\0\0\0a"}, _binary_out("BYTES"), "BYTES with an element too few")
    yield _mixed({}, {"BYTES": b"\x01\0\0\0a" * 3}, _binary_out("BYTES"), "BYTES with an element too many")
    yield _case(
        "FP16 alone in JSON", {"inputs": [{"name": "x_FP16", "datatype": "FP16", "shape": [1, 2], "data": [1, 2]}]}, path=ALL
    )
    yield _case(
        "inputs that lack most", {"inputs": [{"name": "x_INT8", "datatype": "INT8", "shape": [1, 2], "data": [1, 2]}]}, path=ALL
    )
    for form, differs in ((True, ""), (False, half)):
        text = json.dumps(
            {
                "inputs": [{"name": "x_BF16", "datatype": "BF16", "shape": [1, 2], "parameters": {"binary_data_size": 4}}],
                "parameters": {"binary_data_output": form},
            }
        ).encode()
        yield Case(
            f"BF16 to {'binary' if form else 'JSON'}",
            "POST",
            HALF,
            text + b"\x80\x3f\0\xc0",
            {"inference-header-content-length": str(len(text))},
            differs,
        )
    yield _case(
        "BF16 from JSON",
        {
            "inputs": [{"name": "x_BF16", "datatype": "BF16", "shape": [1, 2], "data": [1, 2]}],
            "parameters": {"binary_data_output": True},
        },
        half,
        HALF,
    )


def _binary() -> Iterator[Case]:
    unread = "JSON that is broken, lacks a member or has one of the wrong type"

    def binary(name: str, raw: bytes, size: object = 8, length: object = None, differs: str = "", **members: Any) -> Case:
        given = {"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": size}, **members}
        text = json.dumps({"inputs": [given]}).encode()
        return Case(
            name,
            "POST",
            INFER,
            text + raw,
            {"inference-header-content-length": str(len(text) if length is None else length)},
            differs,
        )

    data = struct.pack("<2f", 1, 2)
    yield binary("binary", data)
    yield binary("binary, too few bytes", data[:4])
    yield binary("binary, too many bytes", data + b"1")
    yield binary("binary, fewer than the shape takes", data[:4], 4)
    yield binary("binary, more than the shape takes", data * 2, 16)
    yield binary("binary of an empty tensor", b"", 0, shape=[1, 0])
    yield binary("binary without rows", b"", 0, shape=[0, 2])
    yield binary("binary of nothing for two elements", b"", 0)
    yield binary("binary of another datatype", data, datatype="INT32")
    yield binary("binary and data", data, data=[1, 2])
    yield binary("a negative size", data, -8, differs=unread)
    yield binary("a size that is a text", data, "8", differs=unread)
    yield binary("a length of the JSON that is negative", data, length=-1)
    yield binary("a length of the JSON that is no number", data, length="x")
    yield binary("a length of the JSON beyond the body", data, length=100_000)
    yield binary("a length of the JSON that is one too short", data, length=100, differs=unread)
    yield Case("raw", "POST", INFER, data, {"inference-header-content-length": "0"})
    yield Case("raw of a length that does not fit", "POST", INFER, data[:-1], {"inference-header-content-length": "0"})
    yield Case("raw to a model with many inputs", "POST", ALL, data, {"inference-header-content-length": "0"})
    yield Case("raw without the header", "POST", INFER, data, {}, unread)
    text = json.dumps(_with()).encode()
    yield Case(
        "a length of the JSON that is the body's", "POST", INFER, text, {"inference-header-content-length": str(len(text))}
    )


def _packed() -> Iterator[Case]:
    text = json.dumps(_with()).encode()
    yield Case("gzip", "POST", INFER, gzip.compress(text), {"content-encoding": "gzip"})
    yield Case("deflate", "POST", INFER, zlib.compress(text), {"content-encoding": "deflate"})
    yield Case("another encoding", "POST", INFER, text, {"content-encoding": "br"}, "A body in an encoding that is not known")
    yield Case("no gzip", "POST", INFER, text, {"content-encoding": "gzip"}, "A packed body that is broken")
    long = json.dumps(_one(shape=[1, 2000], data=[0.5] * 2000)).encode()
    for name in ("gzip", "deflate", "gzip, deflate", "identity"):
        yield Case(f"an answer that may be in {name}", "POST", INFER, long, {"accept-encoding": name})


def _pages() -> Iterator[Case]:
    unknown = "An unknown model or version, asked for its readiness or statistics"
    yield Case("the server", "GET", "/v2")
    yield Case("the server is live", "GET", "/v2/health/live")
    yield Case("the server is ready", "GET", "/v2/health/ready")
    for name in ("identity", "datatypes", "bfloat16", "lookup"):
        yield Case(f"{name}: metadata", "GET", f"/v2/models/{name}")
        yield Case(f"{name}: configuration", "GET", f"/v2/models/{name}/config")
    for what in ("", "/ready", "/stats", "/config"):
        yield Case(f"identity{what} of its version", "GET", f"/v2/models/identity/versions/1{what}")
        differs = unknown if what in ("/ready", "/stats") else ""
        yield Case(f"identity{what} of another version", "GET", f"/v2/models/identity/versions/9{what}", differs=differs)
        yield Case(f"an unknown model{what}", "GET", f"/v2/models/nothing{what}", differs=differs)
        yield Case(f"POST to identity{what}", "POST", f"/v2/models/identity{what}", b"{}")
    yield Case("identity is ready", "GET", "/v2/models/identity/ready")
    yield Case("identity: statistics", "GET", "/v2/models/identity/stats")
    yield Case("all statistics", "GET", "/v2/models/stats")
    control = {"turnout-control": "local"}
    yield Case("the index", "POST", "/v2/repository/index", b"", control)
    yield Case("the index of an object", "POST", "/v2/repository/index", b"{}", control)
    yield Case("the index of what is ready", "POST", "/v2/repository/index", b'{"ready":true}', control)
    for what in ("load", "unload"):
        yield Case(f"{what} without permission", "POST", f"/v2/repository/models/identity/{what}", b"{}")
    for method in ("GET", "PUT", "DELETE"):
        yield Case(f"{method} for inference", method, INFER)
    for path in (
        "/v2/",
        "/v2/nothing",
        "/v2/models",
        "/v2/models/identity/",
        "/v2/models/identity/nothing",
        "/v2/models/a%2Fb",
    ):
        yield Case(f"no page {path}", "GET", path)
    yield Case("HEAD", "HEAD", "/v2", differs="HEAD for a page that answers GET")
    yield Case("a name in percent encoding", "GET", "/v2/models/%69dentity", differs="A name in percent encoding")
    for path in ("/v2/systemsharedmemory/status", "/v2/cudasharedmemory/status", "/v2/trace/setting", "/v2/logging"):
        yield Case(f"no page here {path}", "GET", path, differs="Shared memory, traces and the log level")
    yield Case("generate", "POST", "/v2/models/identity/generate", b"{}", differs="The generate extension")
