"""ModelInfer messages of KServe v2 in protobuf's wire format, with the tensors' data copied once."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from turnout.errors import InvalidRequestError, InvalidTensorError, text_of
from turnout.tensors.protobuf import FIXED_BYTES, LENGTH_DELIMITED, VARINT, read_varint
from turnout_triton.client.device_buffer import copy_to_host
from turnout_triton.client.failures import UnreadableResponseError
from turnout_triton.client.messages import Buffer, KServeRequest, KServeResponse, RegionSlice, RequestedOutput, TensorHead
from turnout_triton.client.typed_data import binary_of

# Setting raw_input_contents on a protobuf message copies the data, and serializing it copies them again. So protobuf writes the
# rest of the message, and the data are joined behind it: fields may come in any order on the wire. The numbers are those of
# ModelInferRequest.raw_input_contents (7) and ModelInferResponse.raw_output_contents (6) in grpc_service.proto.
_RAW_INPUT = bytes([7 << 3 | LENGTH_DELIMITED])
_RAW_OUTPUT = 6 << 3 | LENGTH_DELIMITED
_RAW_TAG = bytes([_RAW_OUTPUT])
_MAX_MESSAGE_BYTES = 2**31 - 1  # protobuf's limit, which no option of gRPC's raises
_Parameters = Mapping[str, str | int | float | bool]


def encode_request(request: KServeRequest) -> bytes:
    """Return the ModelInferRequest for ``request``.

    Raises:
        InvalidRequestError: it is over 2 GiB, which gRPC does not carry, or protobuf cannot hold its id or a parameter.
    """
    try:
        parts: list[Buffer] = [_encode_head(request.model, request.version, request.heads, request.outputs)]
        if request.id or request.parameters:
            parts.append(_encode_id_and_parameters(request.id, request.parameters))
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"the request for model {request.model!r} cannot be written as protobuf: {text_of(error)}; "
            "correct its id and parameters"
        ) from error
    size = 0
    for buffer in request.buffers:
        length = len(buffer)
        parts += (_RAW_INPUT, _varint(length), copy_to_host(buffer))
        size += length
    if 2 * size > _MAX_MESSAGE_BYTES:
        _check_size(parts, request.model)
    return b"".join(parts)


def decode_response(message: bytes, model: str) -> KServeResponse:
    """Return the contents of a ModelInferResponse; raw data are views of ``message``.

    Raises:
        UnreadableResponseError: it is not one, or its data do not fit their shapes.
    """
    # A model answers requests of one shape with the same bytes but for the data, so most heads are parsed once.
    known = _known_heads.get(len(message))
    if known is not None and message.startswith(known.before):
        data = {known.response.heads[0].name: memoryview(message)[len(known.before) :]}
        return KServeResponse("", known.response.heads, data, known.response.parameters, known.response.version)
    try:
        response, head = _decode(memoryview(message))
    except (ValueError, LookupError, ArithmeticError, InvalidTensorError) as error:
        raise UnreadableResponseError(
            f"model {model!r}: the server's response is not a KServe v2 response: {text_of(error)}: "
            f"{message[:80]!r}; check that the URL is the gRPC port of Triton or of another KServe v2 server"
        ) from error
    _remember(message, response, head)
    return response


class _KnownHead(NamedTuple):
    """A response with one output and no id, and all bytes of its message before the data, their length included."""

    before: bytes
    response: KServeResponse


# By the length of the message. No lock: each dict operation is atomic, and a lost entry only costs a parse.
_known_heads: dict[int, _KnownHead] = {}
_MOST_KNOWN_HEADS = 512


def _remember(message: bytes, response: KServeResponse, head: bytes) -> None:
    """Keep the bytes before the data, if they are the whole head and the data are the end of the message."""
    if response.id or len(response.heads) != 1:
        return
    [(name, data)] = response.data.items()
    before = head + _RAW_TAG + _varint(len(data))
    if len(before) + len(data) == len(message) and message.startswith(before):
        if len(_known_heads) >= _MOST_KNOWN_HEADS:
            _known_heads.clear()
        # Without the data, which would keep the whole message in memory.
        without_data = KServeResponse("", response.heads, {name: b""}, response.parameters, response.version)
        _known_heads[len(message)] = _KnownHead(before, without_data)


def _decode(view: memoryview) -> tuple[KServeResponse, bytes]:
    """Return the response, and its message without the data."""
    contents: list[memoryview] = []
    head_fields: list[memoryview] = []
    position, length = 0, len(view)
    while position < length:
        start = position
        key, position = read_varint(view, position)
        if key & 7 == LENGTH_DELIMITED:
            size, begin = read_varint(view, position)
            position = begin + size
        else:
            begin, position = position, _skip(view, key & 7, position)
        if position > length:
            raise ValueError("a field ends behind the message")
        if key == _RAW_OUTPUT:
            contents.append(view[begin:position])
        else:
            head_fields.append(view[start:position])
    head = b"".join(head_fields)
    if not contents:
        return _decode_typed(head), head
    id, heads, parameters, version = _decode_head(head)
    # Strict, because Triton sends empty contents for an output that it wrote to shared memory.
    data = dict(zip((tensor.name for tensor in heads), contents, strict=True))
    return KServeResponse(id, heads, data, parameters, version), head


def _decode_typed(head: bytes) -> KServeResponse:
    """Return a response whose tensors are typed values, as servers other than Triton send them.

    Raises:
        ValueError: an output has none.
    """
    message = _parse(head)
    heads = _heads(message)
    data = {}
    for output, tensor in zip(message.outputs, heads, strict=True):
        filled = [values for _, values in output.contents.ListFields()]
        if len(filled) != 1 and 0 not in output.shape:
            raise ValueError(f"output {output.name!r} has neither raw nor typed contents")
        values = list(filled[0]) if filled else []
        data[output.name] = binary_of(values, tensor)
    return KServeResponse(message.id, heads, data, _values(message.parameters), message.model_version)


def _skip(view: memoryview, kind: int, position: int) -> int:
    """Return the end of a field of another wire type; ModelInferResponse has none, a later version of it may."""
    return read_varint(view, position)[1] if kind == VARINT else position + FIXED_BYTES[kind]


def _check_size(parts: Iterable[Buffer], model: str) -> None:
    """Raise InvalidRequestError if the message is too large for gRPC."""
    if sum(len(part) for part in parts) > _MAX_MESSAGE_BYTES:
        raise InvalidRequestError(f"the request for model {model!r} is over 2 GiB, which gRPC does not carry; split it")


# Requests of one shape have one head. Only hashable arguments, so id and parameters are encoded apart.
@functools.lru_cache(maxsize=512)
def _encode_head(model: str, version: str, heads: tuple[TensorHead, ...], outputs: tuple[RequestedOutput, ...]) -> bytes:
    from tritonclient.grpc import service_pb2

    message = service_pb2.ModelInferRequest(model_name=model, model_version=version)
    for head in heads:
        tensor = message.inputs.add(name=head.name, datatype=head.datatype, shape=head.shape)
        _put_slice(tensor.parameters, head.shared)
    for output in outputs:
        _put_slice(message.outputs.add(name=output.name).parameters, output.shared)
    serialized: bytes = message.SerializeToString()
    return serialized


def _put_slice(parameters: Any, shared: RegionSlice | None) -> None:
    if shared is not None:
        parameters["shared_memory_region"].string_param = shared.region
        parameters["shared_memory_byte_size"].int64_param = shared.size_bytes
        if shared.offset:
            parameters["shared_memory_offset"].int64_param = shared.offset


def _encode_id_and_parameters(id: str, parameters: _Parameters) -> bytes:
    from tritonclient.grpc import service_pb2

    # Serialized messages may be joined: protobuf merges their fields when it parses them.
    message = service_pb2.ModelInferRequest(id=id)
    for name, value in parameters.items():
        if name == "priority":
            message.parameters[name].uint64_param = int(value)
        else:
            setattr(message.parameters[name], _field_of(value), value)
    serialized: bytes = message.SerializeToString()
    return serialized


def _field_of(value: str | float | bool) -> str:  # noqa: FBT001  # a value, no switch
    if isinstance(value, bool):  # before int, of which bool is a subclass
        return "bool_param"
    if isinstance(value, int):
        return "int64_param"
    return "double_param" if isinstance(value, float) else "string_param"


@functools.lru_cache(maxsize=512)
def _decode_head(head: bytes) -> tuple[str, tuple[TensorHead, ...], _Parameters, str]:
    message = _parse(head)
    return message.id, _heads(message), _values(message.parameters), message.model_version


def _heads(message: Any) -> tuple[TensorHead, ...]:
    return tuple(TensorHead(output.name, output.datatype, tuple(output.shape)) for output in message.outputs)


def _parse(head: bytes) -> Any:
    from google.protobuf.message import DecodeError
    from tritonclient.grpc import service_pb2

    try:
        return service_pb2.ModelInferResponse.FromString(head)
    except DecodeError as error:
        raise ValueError(str(error)) from error


def _values(parameters: Any) -> _Parameters:
    return {name: getattr(value, value.WhichOneof("parameter_choice") or "string_param") for name, value in parameters.items()}


@functools.lru_cache(maxsize=512)
def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
