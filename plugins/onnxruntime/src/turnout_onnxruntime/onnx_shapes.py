"""The shapes that an ONNX file declares.

ONNX Runtime reports an empty shape both for an unknown rank and for rank 0; the file distinguishes them. This module reads
only the fields that it needs (onnx.proto3: ModelProto.graph 7; GraphProto.input 11, output 12; ValueInfoProto.name 1,
type 2; TypeProto.tensor_type 1; TypeProto.Tensor.shape 2; TensorShapeProto.dim 1; Dimension.dim_value 1); it skips the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from turnout.tensors import ProtobufMessage
from turnout_onnxruntime.onnx_file import read_onnx

Shape = tuple[int, ...] | None
_MIN_NEGATIVE = 1 << 63
"""Of this size on, an unsigned number is a negative int64."""


def read_shapes(file: Path) -> Mapping[str, Shape]:
    """Return the shape of each graph input and output, with -1 for a dynamic size; None means that the rank is unknown.

    The mapping is empty for a file that is not ONNX.
    """
    return dict(read_onnx(file, _graph_shapes))


def _graph_shapes(model: ProtobufMessage) -> Iterator[tuple[str, Shape]]:
    for graph in model.messages(7):
        for number in (11, 12):
            for value in graph.messages(number):
                yield _value_shape(value)


def _value_shape(value: ProtobufMessage) -> tuple[str, Shape]:
    name = value.text(1)
    for shape in value.messages(2, 1, 2):
        return name, tuple(_size(dimension) for dimension in shape.messages(1))
    return name, None


def _size(dimension: ProtobufMessage) -> int:
    sizes = dimension.numbers(1)
    # Some exporters write a dynamic size as -1, which ONNX Runtime accepts.
    return sizes[0] if sizes and sizes[0] < _MIN_NEGATIVE else -1
