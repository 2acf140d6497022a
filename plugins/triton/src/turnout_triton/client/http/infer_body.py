"""Bodies of inference requests and responses in KServe v2's HTTP protocol with the binary tensor data extension.

A body is a JSON object followed by the raw data of the tensors that have a ``binary_data_size``, in order; the header
``Inference-Header-Content-Length`` is the length of the JSON.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from turnout.errors import InvalidRequestError, InvalidTensorError, text_of
from turnout_triton.client.device_buffer import copy_to_host
from turnout_triton.client.failures import UnreadableResponseError
from turnout_triton.client.messages import Buffer, KServeRequest, KServeResponse, RegionSlice, RequestedOutput, TensorHead
from turnout_triton.client.typed_data import binary_of, values_of

HEADER_LENGTH = "inference-header-content-length"
# Python's numbers take up to eight times the size of their JSON.
JSON_SHARE = 8
_MOST_HEAD_BYTES, _MOST_CONTAINERS = 2**20, 500_000
_MOST_KNOWN_BYTES = 2048


def describe_usual(heads: tuple[TensorHead, ...], sizes: Sequence[int], outputs: tuple[RequestedOutput, ...]) -> bytes:
    """Return the JSON of a request without id and parameters; ``sizes`` are those of the data that follow it."""
    # Without binary_data_output Triton writes the outputs as JSON numbers.
    return _to_json({**_describe(heads, sizes, outputs), "parameters": {"binary_data_output": True}})


def describe_request(request: KServeRequest, sizes: Sequence[int]) -> bytes:
    """Return the same for any request.

    Raises:
        InvalidRequestError: JSON cannot hold a parameter.
    """
    message: dict[str, Any] = _describe(request.heads, sizes, request.outputs)
    message["parameters"] = {**request.parameters, "binary_data_output": True}
    if request.id:
        message["id"] = request.id
    try:
        return _to_json(message)
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"the request for model {request.model!r} cannot be written as JSON: {text_of(error)}; "
            "correct its id and parameters"
        ) from error


def _to_json(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()


def _describe(heads: tuple[TensorHead, ...], sizes: Sequence[int], outputs: tuple[RequestedOutput, ...]) -> dict[str, Any]:
    sizes_left = iter(sizes)
    inputs = [
        {
            "name": head.name,
            "datatype": head.datatype,
            "shape": head.shape,
            "parameters": {"binary_data_size": next(sizes_left)} if head.shared is None else _describe_slice(head.shared),
        }
        for head in heads
    ]
    return {"inputs": inputs, "outputs": [_describe_output(output) for output in outputs]} if outputs else {"inputs": inputs}


def read_json(text: bytes, most_bytes: int) -> Any:
    """Return the value of ``text``.

    Raises:
        ValueError: it is not JSON, too large, or would take many times its size as Python's objects.
    """
    if len(text) > most_bytes:
        raise ValueError(f"{len(text)} bytes of JSON, more than {most_bytes}; if it is right, raise max_response_bytes")
    if (containers := text.count(b"[") + text.count(b"{")) > _MOST_CONTAINERS:
        raise ValueError(f"JSON with {containers} brackets, more than {_MOST_CONTAINERS}")
    return json.loads(text)


def decode_response(body: bytes | memoryview, header_length: str, model: str, most_json_bytes: int = 2**24) -> KServeResponse:
    """Return the contents of ``body``; binary data are parts of it. ``header_length`` is the header's value, empty without one.

    Raises:
        UnreadableResponseError: the body is not an inference response.
    """
    try:
        start = int(header_length) if header_length else len(body)
        text = bytes(body[:start])
        if len(text) <= _MOST_KNOWN_BYTES:
            layout = _known_layout(text)
        else:
            layout = _layout(read_json(text, _MOST_HEAD_BYTES if header_length else most_json_bytes))
        data: dict[str, Buffer] = dict(layout.data)
        for name, size in layout.sizes:
            end = start + size
            if not start <= end <= len(body):
                raise ValueError(f"output {name!r} has {size} bytes")
            data[name], start = body[start:end], end
        if start < len(body):
            raise ValueError(f"{len(body) - start} bytes that belong to no output")
        return KServeResponse(layout.id, layout.heads, data, layout.parameters, layout.version)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ArithmeticError, InvalidTensorError) as error:
        raise UnreadableResponseError(
            f"model {model!r}: the server's response is not a KServe v2 response: {text_of(error)}: "
            f"{bytes(body[:80])!r}; check that the URL is the HTTP port of Triton or of another KServe v2 server"
        ) from error


class _Layout(NamedTuple):
    """The contents of a response's JSON: ``sizes`` of the data that follow it, and ``data`` that it holds itself."""

    id: str
    heads: tuple[TensorHead, ...]
    sizes: tuple[tuple[str, int], ...]
    data: Mapping[str, Buffer]
    parameters: Mapping[str, Any]
    version: str


# A model answers requests of one shape with the same JSON, so most are parsed once.
@functools.lru_cache(maxsize=512)
def _known_layout(text: bytes) -> _Layout:
    return _layout(read_json(text, _MOST_KNOWN_BYTES))


def _layout(message: Any) -> _Layout:
    outputs = message.get("outputs", ())
    heads = tuple(_head(output) for output in outputs)
    if len({head.name for head in heads}) < len(heads):
        raise ValueError("two outputs of one name")
    sizes: list[tuple[str, int]] = []
    data: dict[str, Buffer] = {}
    for output, head in zip(outputs, heads, strict=True):
        parameters = output.get("parameters") or {}
        size = parameters.get("binary_data_size")
        if size is not None:
            sizes.append((head.name, operator.index(size)))
        elif "data" in output:  # else the output is in shared memory
            data[head.name] = binary_of(output["data"], head, parameters.get("content_type", ""))
    version = str(message.get("model_version") or "")
    return _Layout(message.get("id") or "", heads, tuple(sizes), data, message.get("parameters") or {}, version)


def encode_typed_request(request: KServeRequest) -> bytes:
    """Return the JSON of a body without binary data, for a server that lacks that extension.

    Raises:
        InvalidRequestError: JSON cannot hold a tensor or a parameter.
    """
    try:
        inputs = [
            {"name": head.name, "datatype": head.datatype, "shape": head.shape, "data": values_of(copy_to_host(buffer), head)}
            for head, buffer in zip(request.heads, request.buffers, strict=True)
        ]
        message: dict[str, Any] = {"inputs": inputs, "parameters": dict(request.parameters)}
        if request.id:
            message["id"] = request.id
        return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"the request for model {request.model!r} cannot be written as JSON, and its server takes no binary data: "
            f"{text_of(error)}; use a server with the extension 'binary_tensor_data'"
        ) from error


def _describe_slice(shared: RegionSlice) -> Mapping[str, Any]:
    described = {"shared_memory_region": shared.region, "shared_memory_byte_size": shared.size_bytes}
    return described | ({"shared_memory_offset": shared.offset} if shared.offset else {})


def _describe_output(output: RequestedOutput) -> Mapping[str, Any]:
    parameters = {"binary_data": True} if output.shared is None else _describe_slice(output.shared)
    return {"name": output.name, "parameters": parameters}


def _head(output: Mapping[str, Any]) -> TensorHead:
    name, datatype = output["name"], output["datatype"]
    if not isinstance(name, str) or not isinstance(datatype, str):
        raise TypeError("name and datatype of an output are texts")
    # operator.index refuses the fractions and texts that int() would accept from a broken server.
    return TensorHead(name, datatype, tuple(map(operator.index, output["shape"])))
