"""The inputs and outputs that an ONNX file declares, read without a runtime and without its weights.

Only the few fields needed are read (onnx.proto3: ModelProto.graph 7; GraphProto.initializer 5, input 11, output 12;
TensorProto.name 8; ValueInfoProto.name 1, type 2; TypeProto.tensor_type 1; TypeProto.Tensor.elem_type 1, shape 2;
TensorShapeProto.dim 1; Dimension.dim_value 1).
"""

from __future__ import annotations

from pathlib import Path

from turnout import ModelSignature
from turnout.errors import ExportError
from turnout.files.limits import ONNX
from turnout.files.regular import open_regular
from turnout.tensors import ProtobufMessage, TensorSpec, open_protobuf

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
    try:
        with open_protobuf(file, ONNX) as model:
            return _signature(model, file)
    except (ValueError, OSError) as error:
        advice = "fetch it: git lfs pull" if _is_lfs_pointer(file) else "export the model again"
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ExportError(f"{str(file)!r} cannot be read as an ONNX file: {reason}; {advice}") from error


def _is_lfs_pointer(file: Path) -> bool:
    try:
        with open_regular(file) as opened:
            return opened.read(len(_LFS_POINTER)) == _LFS_POINTER
    except OSError:
        return False


def _signature(model: ProtobufMessage, file: Path) -> ModelSignature:
    defaults = {tensor.text(8) for tensor in model.messages(7, 5)}
    inputs = [_spec(value, file, defaults) for value in model.messages(7, 11)]
    outputs = [_spec(value, file, set()) for value in model.messages(7, 12)]
    if not outputs:
        raise ExportError(f"{str(file)!r} has no outputs, so it is not an ONNX model; export the model again")
    return ModelSignature(tuple(inputs), tuple(outputs))


def _spec(value: ProtobufMessage, file: Path, defaults: set[str]) -> TensorSpec:
    name = value.text(1)
    for tensor in value.messages(2, 1):
        types = tensor.numbers(1)
        if types and types[0] in _DATATYPES:
            shape = next((_shape(dimensions) for dimensions in tensor.messages(2)), None)
            return TensorSpec(name, _DATATYPES[types[0]], shape, name in defaults)
    raise ExportError(
        f"tensor {name!r} of {str(file)!r} has a type that KServe v2 has no datatype for; "
        f"export the model with one of: {', '.join(_DATATYPES.values())}"
    )


def _shape(dimensions: ProtobufMessage) -> tuple[int, ...]:
    return tuple(_size(dimension) for dimension in dimensions.messages(1))


def _size(dimension: ProtobufMessage) -> int:
    sizes = dimension.numbers(1)
    # Some exporters write a free size as -1, which ONNX Runtime accepts.
    return sizes[0] if sizes and sizes[0] < _MIN_NEGATIVE else -1
