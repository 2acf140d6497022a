"""The signature of a session, with KServe's datatypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout import ModelSignature
from turnout.errors import ModelLoadError
from turnout.tensors import TensorSpec
from turnout_onnxruntime.onnx_shapes import Shape

DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(float16)": "FP16",
    "tensor(bfloat16)": "BF16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


def read_signature(session: Any, shapes: Mapping[str, Shape], model: str) -> ModelSignature:
    """Return the inputs and outputs of ``session``; an input with a default in the file is optional.

    Raises:
        ModelLoadError: an input or output has a type that KServe v2 has no datatype for.
    """
    required = [_spec(node, shapes, f"model {model!r}: input") for node in session.get_inputs()]
    optional = [
        _spec(node, shapes, f"model {model!r}: input", optional=True) for node in session.get_overridable_initializers()
    ]
    outputs = [_spec(node, shapes, f"model {model!r}: output") for node in session.get_outputs()]
    return ModelSignature((*required, *optional), tuple(outputs), text_only=True)  # ONNX's strings are UTF-8


def _spec(node: Any, shapes: Mapping[str, Shape], where: str, *, optional: bool = False) -> TensorSpec:
    if node.type not in DATATYPES:
        raise ModelLoadError(
            f"{where} {node.name!r} is {node.type}, which KServe v2 has no datatype for; "
            f"export the model with one of: {', '.join(DATATYPES.values())}"
        )
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape) or shapes.get(node.name)
    return TensorSpec(node.name, DATATYPES[node.type], shape, optional)
