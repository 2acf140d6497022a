"""The signature of a compiled model, with KServe's datatypes."""

from __future__ import annotations

from typing import Any

from turnout import ModelSignature
from turnout.errors import ModelLoadError
from turnout.tensors import TensorSpec

DATATYPES = {
    "boolean": "BOOL",
    "i8": "INT8",
    "i16": "INT16",
    "i32": "INT32",
    "i64": "INT64",
    "u8": "UINT8",
    "u16": "UINT16",
    "u32": "UINT32",
    "f16": "FP16",
    "f32": "FP32",
}
"""OpenVINO's types that its CPU device computes as they are, and i64.

Not here, measured with 2026.4 on a CPU: f64 is computed as f32 (1e300 + 1 is 3.4e38), u64 as i32, and a string tensor ends the
process (``free(): invalid pointer``). i64 is computed as i32 too, so inputs with values that do not fit are refused.
"""


def read_signature(compiled: Any, model: str) -> ModelSignature:
    """Return the inputs and outputs of ``compiled``.

    Raises:
        ModelLoadError: one has a type that OpenVINO would not compute as it is.
    """
    inputs = tuple(_spec(port, "input", model) for port in compiled.inputs)
    outputs = tuple(_spec(port, "output", model) for port in compiled.outputs)
    return ModelSignature(inputs, outputs)


def _spec(port: Any, kind: str, model: str) -> TensorSpec:
    name, type_name = port.get_any_name(), port.get_element_type().get_type_name()
    if type_name not in DATATYPES:
        raise ModelLoadError(
            f"model {model!r}: {kind} {name!r} is {type_name}, which OpenVINO does not compute as it is; it does: "
            f"{', '.join(DATATYPES.values())}. Export the model with one of them, or use another backend"
        )
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return TensorSpec(name, DATATYPES[type_name], None)
    sizes = tuple(-1 if size.is_dynamic else size.get_length() for size in shape)
    return TensorSpec(name, DATATYPES[type_name], sizes)
