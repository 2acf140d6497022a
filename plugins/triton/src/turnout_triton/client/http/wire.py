"""Inference requests of KServe v2's HTTP protocol with the binary tensor data extension.

A body is a JSON object followed by the raw data of the tensors that say ``binary_data_size``, in order; the header
``Inference-Header-Content-Length`` says where the JSON ends.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from typing import Any

from turnout.errors import InferenceError, InvalidRequestError, text_of
from turnout_triton.client.device import on_host
from turnout_triton.client.messages import Answer, Ask, Buffer, Place, TensorHead, WantedOutput

HEADER_LENGTH = "inference-header-content-length"


def encode_ask(ask: Ask) -> tuple[bytes, list[Buffer]]:
    """Return the JSON of the body and what follows it.

    Raises:
        InvalidRequestError: a parameter is nothing that JSON can hold.
    """
    buffers = map(on_host, ask.buffers)
    inputs, data = [], []
    for head in ask.heads:
        described: dict[str, Any] = {"name": head.name, "datatype": head.datatype, "shape": head.shape}
        if head.place is None:
            data.append(next(buffers))
            described["parameters"] = {"binary_data_size": len(data[-1])}
        else:
            described["parameters"] = _put(head.place)
        inputs.append(described)
    message: dict[str, Any] = {"inputs": inputs, "parameters": {**ask.parameters, "binary_data_output": True}}
    if ask.id:
        message["id"] = ask.id
    if ask.wanted:
        message["outputs"] = [_wanted(output) for output in ask.wanted]
    try:
        return json.dumps(message, separators=(",", ":"), allow_nan=False).encode(), data
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"the request for model {ask.model!r} cannot be written as JSON: {text_of(error)}; correct its id and parameters"
        ) from error


def decode_answer(body: memoryview, header_length: str, model: str) -> Answer:
    """Return what a body says; its data are views of ``body``. ``header_length`` is the header's value, empty without one.

    Raises:
        InferenceError: the body is none of an inference.
    """
    try:
        start = int(header_length) if header_length else len(body)
        message = json.loads(bytes(body[:start]))
        heads = tuple(_head(output) for output in message.get("outputs", ()))
        data: dict[str, Buffer] = {}
        offset = start
        for output, head in zip(message.get("outputs", ()), heads, strict=True):
            size = output.get("parameters", {}).get("binary_data_size")
            if size is not None:  # else it went to shared memory
                data[head.name], offset = body[offset : offset + size], offset + size
        return Answer(message.get("id", ""), heads, data, message.get("parameters", {}))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InferenceError(
            f"model {model!r}: the server's answer is none of the KServe v2 protocol with binary data: "
            f"{bytes(body[:80])!r}; check that the URL is Triton's HTTP port"
        ) from error


def _put(place: Place) -> Mapping[str, Any]:
    described = {"shared_memory_region": place.region, "shared_memory_byte_size": place.size_bytes}
    return described | ({"shared_memory_offset": place.offset} if place.offset else {})


def _wanted(output: WantedOutput) -> Mapping[str, Any]:
    return {"name": output.name, "parameters": {"binary_data": True} if output.place is None else _put(output.place)}


def _head(output: Mapping[str, Any]) -> TensorHead:
    name, datatype = output["name"], output["datatype"]
    if not isinstance(name, str) or not isinstance(datatype, str):
        raise TypeError("name and datatype of an output are texts")
    return TensorHead(name, datatype, tuple(map(operator.index, output["shape"])))
