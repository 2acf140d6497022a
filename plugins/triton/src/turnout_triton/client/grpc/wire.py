"""ModelInfer messages of the KServe v2 protocol in protobuf's wire format, with the tensors' data copied once.

Setting ``raw_input_contents`` on a protobuf message copies the data, and serializing it copies them again; so the head of a
message goes through protobuf and the data are joined behind it. The wire format allows that: fields may come in any order.
Field numbers: ``ModelInferRequest.raw_input_contents`` 7, ``ModelInferResponse.raw_output_contents`` 6 (grpc_service.proto).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from turnout.errors import InferenceError, InvalidRequestError, text_of
from turnout.tensors.protobuf import FIXED_BYTES, LENGTH_DELIMITED, VARINT, read_varint
from turnout_triton.client.device import on_host
from turnout_triton.client.messages import Answer, Ask, Buffer, Place, TensorHead, WantedOutput

_RAW_INPUT = bytes([7 << 3 | 2])
_RAW_OUTPUT = 6 << 3 | 2
_RAW_TAG = bytes([_RAW_OUTPUT])
_MAX_MESSAGE_BYTES = 2**31 - 1
_Parameters = Mapping[str, str | int | float | bool]


def encode_ask(ask: Ask) -> bytes:
    """Return the ModelInferRequest for ``ask``.

    Raises:
        InvalidRequestError: it is over 2 GiB, which gRPC does not carry, or a parameter is nothing that protobuf can hold.
    """
    try:
        parts: list[Buffer] = [_head(ask.model, ask.version, ask.heads, ask.wanted)]
        if ask.id or ask.parameters:
            parts.append(_particulars(ask.id, ask.parameters))
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"the request for model {ask.model!r} cannot be written as protobuf: {text_of(error)}; "
            "correct its id and parameters"
        ) from error
    for buffer in map(on_host, ask.buffers):
        size = len(buffer)
        parts += [_RAW_INPUT, _varint(size), buffer]
    _check_size(parts, ask)
    return b"".join(parts)


def decode_answer(message: bytes, model: str) -> Answer:
    """Return what a ModelInferResponse says; its data are views of ``message``.

    Raises:
        InferenceError: it is none, or carries its data in another form.
    """
    known = _seen.get(len(message))
    if known is not None and message.startswith(known.before):
        data = {known.answer.heads[0].name: memoryview(message)[len(known.before) :]}
        return Answer("", known.answer.heads, data, known.answer.parameters)
    try:
        answer, head = _decoded(memoryview(message))
    except (ValueError, LookupError) as error:
        raise InferenceError(
            f"model {model!r}: the server's answer is none of the KServe v2 protocol with raw contents: "
            f"{message[:80]!r}; check that the URL is Triton's gRPC port"
        ) from error
    _remember(message, answer, head)
    return answer


class _Seen(NamedTuple):
    """An answer with one output and no id, and all of its message that stands before the data, their length included."""

    before: bytes
    answer: Answer


# By the length of the message. A model answers requests of one shape with the same bytes but for the data.
_seen: dict[int, _Seen] = {}
_MOST_SEEN = 512


def _remember(message: bytes, answer: Answer, head: bytes) -> None:
    """Keep what stands before the data, if that is all of the head and the data are the end of the message."""
    if answer.id or len(answer.heads) != 1:
        return
    [(name, data)] = answer.data.items()
    before = head + _RAW_TAG + _varint(len(data))
    if len(before) + len(data) == len(message) and message.startswith(before):
        if len(_seen) >= _MOST_SEEN:
            _seen.clear()
        _seen[len(message)] = _Seen(before, Answer("", answer.heads, {name: b""}, answer.parameters))


def _decoded(view: memoryview) -> tuple[Answer, bytes]:
    contents: list[memoryview] = []
    head: list[memoryview] = []
    position, length = 0, len(view)
    while position < length:
        start = position
        key, position = read_varint(view, position)
        if key & 7 == LENGTH_DELIMITED:
            size, begin = read_varint(view, position)
            position = begin + size
        else:
            begin, position = position, _end(view, key & 7, position)
        if position > length:
            raise ValueError("a field ends behind the message")
        if key == _RAW_OUTPUT:
            contents.append(view[begin:position])
        else:
            head.append(view[start:position])
    written = b"".join(head)
    id, heads, parameters = _parsed(written)
    # Triton sends empty contents for an output that it wrote to shared memory.
    return Answer(id, heads, dict(zip((tensor.name for tensor in heads), contents, strict=True)), parameters), written


def _end(view: memoryview, kind: int, position: int) -> int:
    """Return where a field of another wire type ends; ModelInferResponse has none, the next version of it may have some."""
    return read_varint(view, position)[1] if kind == VARINT else position + FIXED_BYTES[kind]


def _check_size(parts: Iterable[Buffer], ask: Ask) -> None:
    if sum(len(part) for part in parts) > _MAX_MESSAGE_BYTES:
        raise InvalidRequestError(f"the request for model {ask.model!r} is over 2 GiB, which gRPC does not carry; split it")


@functools.lru_cache(maxsize=512)
def _head(model: str, version: str, heads: tuple[TensorHead, ...], wanted: tuple[WantedOutput, ...]) -> bytes:
    from tritonclient.grpc import service_pb2

    message = service_pb2.ModelInferRequest(model_name=model, model_version=version)
    for head in heads:
        tensor = message.inputs.add(name=head.name, datatype=head.datatype, shape=head.shape)
        _put(tensor.parameters, head.place)
    for output in wanted:
        _put(message.outputs.add(name=output.name).parameters, output.place)
    serialized: bytes = message.SerializeToString()
    return serialized


def _put(parameters: Any, place: Place | None) -> None:
    if place is not None:
        parameters["shared_memory_region"].string_param = place.region
        parameters["shared_memory_byte_size"].int64_param = place.size_bytes
        if place.offset:
            parameters["shared_memory_offset"].int64_param = place.offset


def _particulars(id: str, parameters: _Parameters) -> bytes:
    from tritonclient.grpc import service_pb2

    message = service_pb2.ModelInferRequest(id=id)
    for name, value in parameters.items():
        if name == "priority":
            message.parameters[name].uint64_param = int(value)
        else:
            setattr(message.parameters[name], _kind(value), value)
    serialized: bytes = message.SerializeToString()
    return serialized


def _kind(value: str | float | bool) -> str:  # noqa: FBT001  # a value, no switch
    if isinstance(value, bool):
        return "bool_param"
    if isinstance(value, int):
        return "int64_param"
    return "double_param" if isinstance(value, float) else "string_param"


@functools.lru_cache(maxsize=512)
def _parsed(head: bytes) -> tuple[str, tuple[TensorHead, ...], _Parameters]:
    from google.protobuf.message import DecodeError
    from tritonclient.grpc import service_pb2

    try:
        message = service_pb2.ModelInferResponse.FromString(head)
    except DecodeError as error:
        raise ValueError(str(error)) from error
    heads = (TensorHead(output.name, output.datatype, tuple(output.shape)) for output in message.outputs)
    return message.id, tuple(heads), _values(message.parameters)


def _values(parameters: Any) -> _Parameters:
    return {name: getattr(value, value.WhichOneof("parameter_choice") or "string_param") for name, value in parameters.items()}


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
