"""Bodies of inference requests and responses in KServe v2's HTTP protocol with the binary tensor data extension.

A body is a JSON object followed by the raw data of the tensors that have a ``binary_data_size``, in order; the header
``Inference-Header-Content-Length`` is the length of the JSON.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from typing import Any

from turnout.errors import InvalidRequestError, InvalidTensorError, text_of
from turnout_triton.client.device_buffer import copy_to_host
from turnout_triton.client.failures import UnreadableResponseError
from turnout_triton.client.messages import Buffer, KServeRequest, KServeResponse, RegionSlice, RequestedOutput, TensorHead
from turnout_triton.client.typed_data import binary_of, values_of

HEADER_LENGTH = "inference-header-content-length"
# Python's numbers take up to eight times the size of their JSON.
JSON_SHARE = 8
_MOST_HEAD_BYTES, _MOST_CONTAINERS = 2**20, 500_000


def encode_request(request: KServeRequest) -> tuple[bytes, list[Buffer]]:
    """Return the JSON of the body and the data that follow it.

    Raises:
        InvalidRequestError: JSON cannot hold a parameter.
    """
    buffers = map(copy_to_host, request.buffers)
    inputs, data = [], []
    for head in request.heads:
        described: dict[str, Any] = {"name": head.name, "datatype": head.datatype, "shape": head.shape}
        if head.shared is None:
            data.append(next(buffers))
            described["parameters"] = {"binary_data_size": len(data[-1])}
        else:
            described["parameters"] = _describe_slice(head.shared)
        inputs.append(described)
    # Without binary_data_output Triton writes the outputs as JSON numbers.
    message: dict[str, Any] = {"inputs": inputs, "parameters": {**request.parameters, "binary_data_output": True}}
    if request.id:
        message["id"] = request.id
    if request.outputs:
        message["outputs"] = [_describe_output(output) for output in request.outputs]
    try:
        return json.dumps(message, separators=(",", ":"), allow_nan=False).encode(), data
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"the request for model {request.model!r} cannot be written as JSON: {text_of(error)}; "
            "correct its id and parameters"
        ) from error


def read_json(text: memoryview, most_bytes: int) -> Any:
    """Return the value of ``text``.

    Raises:
        ValueError: it is not JSON, too large, or would take many times its size as Python's objects.
    """
    if len(text) > most_bytes:
        raise ValueError(f"{len(text)} bytes of JSON, more than {most_bytes}; if it is right, raise max_response_bytes")
    read = bytes(text)
    if (containers := read.count(b"[") + read.count(b"{")) > _MOST_CONTAINERS:
        raise ValueError(f"JSON with {containers} brackets, more than {_MOST_CONTAINERS}")
    return json.loads(read)


def decode_response(body: memoryview, header_length: str, model: str, most_json_bytes: int = 2**24) -> KServeResponse:
    """Return the contents of ``body``; binary data are views of it. ``header_length`` is the header's value, empty without one.

    Raises:
        UnreadableResponseError: the body is not an inference response.
    """
    try:
        start = int(header_length) if header_length else len(body)
        message = read_json(body[:start], _MOST_HEAD_BYTES if header_length else most_json_bytes)
        heads = tuple(_head(output) for output in message.get("outputs", ()))
        data: dict[str, Buffer] = {}
        offset = start
        for output, head in zip(message.get("outputs", ()), heads, strict=True):
            parameters = output.get("parameters") or {}
            size = parameters.get("binary_data_size")
            if size is not None:
                if not 0 <= size <= len(body) - offset:
                    raise ValueError(f"output {head.name!r} has {size} bytes")
                data[head.name], offset = body[offset : offset + size], offset + size
            elif "data" in output:  # else the output is in shared memory
                data[head.name] = binary_of(output["data"], head, parameters.get("content_type", ""))
        if len({head.name for head in heads}) < len(heads):
            raise ValueError("two outputs of one name")
        if offset < len(body):
            raise ValueError(f"{len(body) - offset} bytes that belong to no output")
        return KServeResponse(message.get("id") or "", heads, data, message.get("parameters") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ArithmeticError, InvalidTensorError) as error:
        raise UnreadableResponseError(
            f"model {model!r}: the server's response is not a KServe v2 response: {text_of(error)}: "
            f"{bytes(body[:80])!r}; check that the URL is the HTTP port of Triton or of another KServe v2 server"
        ) from error


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
