"""Reading the declared shapes out of an ONNX file.

ONNX Runtime reports a tensor of unknown rank and one of rank 0 alike, with an empty shape. The file tells them apart. Only
the few fields needed are read (onnx.proto3: ModelProto.graph 7; GraphProto.input 11, output 12; ValueInfoProto.name 1,
type 2; TypeProto.tensor_type 1; TypeProto.Tensor.shape 2; TensorShapeProto.dim 1; Dimension.dim_value 1); weights are skipped.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

Shape = tuple[int, ...] | None
_Message = memoryview


def read_shapes(file: Path) -> Mapping[str, Shape]:
    """Return the shape of each graph input and output, -1 for any size, None where not even the rank is declared.

    A file that is no ONNX file gives an empty mapping: saying what is wrong with it is left to ONNX Runtime.
    """
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            content = memoryview(data)
            try:
                return dict(_graph_shapes(content))
            finally:
                content.release()
    except (ValueError, IndexError, BufferError):
        return {}


def _graph_shapes(model: _Message) -> Iterator[tuple[str, Shape]]:
    for graph in _submessages(model, 7):
        for number in (11, 12):
            for value in _submessages(graph, number):
                yield _value_shape(value)


def _value_shape(value: _Message) -> tuple[str, Shape]:
    name = "".join(bytes(text).decode("utf-8") for text in _submessages(value, 1))
    for kind in _submessages(value, 2):
        for tensor in _submessages(kind, 1):
            for shape in _submessages(tensor, 2):
                return name, tuple(_size(dimension) for dimension in _submessages(shape, 1))
    return name, None


def _size(dimension: _Message) -> int:
    sizes = [field for number, field in _fields(dimension) if number == 1]
    return sizes[0] if sizes and isinstance(sizes[0], int) else -1


def _submessages(message: _Message, number: int) -> list[_Message]:
    return [field for found, field in _fields(message) if found == number and isinstance(field, memoryview)]


def _fields(message: _Message) -> Iterator[tuple[int, int | _Message]]:
    offset = 0
    while offset < len(message):
        key, offset = _varint(message, offset)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, offset = _varint(message, offset)
            yield number, value
            continue
        if kind == 2:
            size, offset = _varint(message, offset)
        else:
            size = {1: 8, 5: 4}.get(kind, len(message))
        if offset + size > len(message):
            raise ValueError("the message is cut")
        yield number, message[offset : offset + size]
        offset += size


def _varint(message: _Message, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[offset]
        value |= (byte & 0x7F) << shift
        offset, shift = offset + 1, shift + 7
        if byte < 0x80:
            return value, offset
