"""The inputs and outputs that an ONNX file declares, read without a runtime and without its weights.

Only the few fields needed are read (onnx.proto3: ModelProto.graph 7; GraphProto.initializer 5, input 11, output 12;
TensorProto.name 8; ValueInfoProto.name 1, type 2; TypeProto.tensor_type 1; TypeProto.Tensor.elem_type 1, shape 2;
TensorShapeProto.dim 1; Dimension.dim_value 1).
"""

from __future__ import annotations

import mmap
from pathlib import Path

from turnout import ModelSignature
from turnout.errors import ExportError
from turnout.tensors import TensorSpec, protobuf_fields, protobuf_messages

_LFS_POINTER = b"version https://git-lfs"
_MIN_NEGATIVE = 1 << 63
"""Of this size on, an unsigned number is a negative int64."""
_DATATYPES = {
    1: "FP32",
    2: "UINT8",
    3: "INT8",
    4: "UINT16",
    5: "INT16",
    6: "INT32",
    7: "INT64",
    8: "BYTES",
    9: "BOOL",
    10: "FP16",
    11: "FP64",
    12: "UINT32",
    13: "UINT64",
    16: "BF16",
}


def read_onnx_signature(file: Path) -> ModelSignature:
    """Return the inputs and outputs of ``file``; an input with a default in the file is optional.

    Raises:
        ExportError: it is not an ONNX file, or has a tensor type that KServe v2 does not have.
    """
    if file.exists() and not file.is_file():  # to open a pipe would wait for its other end
        raise ExportError(f"{str(file)!r} is not a file; write the model there")
    try:
        with file.open("rb") as opened:
            # Not closed here: the traceback of an error below holds views of it, and a mapping with views cannot be closed.
            data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        return _signature(memoryview(data), file)
    except (ValueError, IndexError, OSError) as error:
        advice = "fetch it: git lfs pull" if _is_lfs_pointer(file) else "export the model again"
        raise ExportError(f"{str(file)!r} cannot be read as an ONNX file: {error}; {advice}") from error


def _is_lfs_pointer(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_LFS_POINTER)) == _LFS_POINTER
    except OSError:
        return False


def _signature(model: memoryview, file: Path) -> ModelSignature:
    [graph, *_] = protobuf_messages(model, 7) or [memoryview(b"")]
    defaults = {_text(tensor, 8) for tensor in protobuf_messages(graph, 5)}
    inputs = [_spec(value, file, defaults) for value in protobuf_messages(graph, 11)]
    outputs = [_spec(value, file, set()) for value in protobuf_messages(graph, 12)]
    if not outputs:
        raise ExportError(f"{str(file)!r} has no outputs, so it is not an ONNX model; export the model again")
    return ModelSignature(tuple(inputs), tuple(outputs))


def _spec(value: memoryview, file: Path, defaults: set[str]) -> TensorSpec:
    name = _text(value, 1)
    for kind in protobuf_messages(value, 2):
        for tensor in protobuf_messages(kind, 1):
            types = [field for number, field in protobuf_fields(tensor) if number == 1 and isinstance(field, int)]
            if types and types[0] in _DATATYPES:
                shape = next((_shape(dimensions) for dimensions in protobuf_messages(tensor, 2)), None)
                return TensorSpec(name, _DATATYPES[types[0]], shape, name in defaults)
    raise ExportError(
        f"tensor {name!r} of {str(file)!r} has a type that KServe v2 has no datatype for; "
        f"export the model with one of: {', '.join(_DATATYPES.values())}"
    )


def _shape(dimensions: memoryview) -> tuple[int, ...]:
    return tuple(_size(dimension) for dimension in protobuf_messages(dimensions, 1))


def _size(dimension: memoryview) -> int:
    sizes = [field for number, field in protobuf_fields(dimension) if number == 1 and isinstance(field, int)]
    # Some exporters write a free size as -1, which ONNX Runtime accepts.
    return sizes[0] if sizes and sizes[0] < _MIN_NEGATIVE else -1


def _text(message: memoryview, number: int) -> str:
    return "".join(bytes(text).decode("utf-8") for text in protobuf_messages(message, number))
