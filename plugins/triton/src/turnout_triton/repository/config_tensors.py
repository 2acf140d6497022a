"""Tensors in a model config of Triton's, to and from ``TensorSpec``.

Triton's ``dims`` do not include the batch axis if ``max_batch_size`` is above 0, and cannot be empty. One number per row is
declared as one element and reshaped for the model. A tensor of rank 0 is declared as one element too, but not reshaped: without
a batch axis Triton refuses ``reshape``, and its backends convert by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from turnout import ModelSignature
from turnout.errors import ExportError
from turnout.tensors import BYTES, TensorSpec

_UNSUPPORTED_BY_PYTORCH = frozenset({"UINT16", "UINT32", "UINT64", "BF16", BYTES})
_INDEXED = re.compile(r"__(?P<index>[0-9]+)\Z")


def tensor_fields(signature: ModelSignature, max_batch_size: int, platform: str, model: str) -> dict[str, list[dict[str, Any]]]:
    """Return ``input`` and ``output`` of a model config.

    Raises:
        ExportError: Triton cannot serve such tensors; the message has the tensor, the reason and the way out.
    """
    fields = {}
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        if not specs and platform:
            raise ExportError(
                f"model {model!r}: the model's file does not declare its {kind}s; "
                f"declare them in turnout.yaml: {kind}s: {{name: 'FP32[3,384,384]'}}"
            )
        _check_names(kind, specs, platform, model)
        fields[kind] = [_fields(spec, max_batch_size, platform, f"model {model!r}: {kind} {spec.name!r}") for spec in specs]
    return fields


def spec_of(tensor: Any, max_batch_size: int) -> TensorSpec:
    """Return the spec of a ModelInput or ModelOutput in the shape that a client sends, batch axis included.

    That is ``dims``; a ``reshape`` with sizes is between the server and the model's file. An empty one means an axis that
    Turnout adds and removes itself.
    """
    dims = tuple(tensor.dims)
    if tensor.HasField("reshape") and not tensor.reshape.shape:
        dims = dims[:-1]
    shape = (-1, *dims) if max_batch_size else dims
    return TensorSpec(tensor.name, kserve_datatype(tensor.data_type), shape, bool(getattr(tensor, "optional", False)))


def kserve_datatype(data_type: int) -> str:
    """Return the KServe datatype for a value of Triton's DataType."""
    from tritonclient.grpc import model_config_pb2

    name = str(model_config_pb2.DataType.Name(data_type)).removeprefix("TYPE_")
    return BYTES if name == "STRING" else name


def config_data_type(datatype: str) -> str:
    """Return the name in Triton's DataType for a KServe datatype."""
    return "TYPE_STRING" if datatype == BYTES else f"TYPE_{datatype}"


def _check_names(kind: str, specs: Iterable[TensorSpec], platform: str, model: str) -> None:
    """Raise ExportError if Triton refuses a name or reads it as another position."""
    for position, spec in enumerate(specs):
        if not spec.name or not spec.name.isprintable():
            raise ExportError(
                f"model {model!r}: an {kind} is called {spec.name!r}, which Triton refuses; export the model with another name"
            )
        index = _INDEXED.search(spec.name)
        if platform == "pytorch_libtorch" and index and int(index["index"]) != position:
            raise ExportError(
                f"model {model!r}: {kind} {spec.name!r} is number {position}, but Triton's PyTorch backend reads the number "
                "at the end of the name as its position; rename it"
            )


def _fields(spec: TensorSpec, max_batch_size: int, platform: str, what: str) -> dict[str, Any]:
    if platform == "pytorch_libtorch" and spec.datatype in _UNSUPPORTED_BY_PYTORCH:
        raise ExportError(
            f"{what} is {spec.datatype}, which Triton's PyTorch backend does not support; convert it inside the model, "
            "or export it with --format onnx"
        )
    fields: dict[str, Any] = {"name": spec.name, "data_type": config_data_type(spec.datatype)}
    dims = _dims(spec, max_batch_size, what)
    if dims:
        return fields | {"dims": dims}
    if max_batch_size:
        return fields | {"dims": [1], "reshape": {"shape": []}}
    if platform == "pytorch_libtorch":
        raise ExportError(
            f"{what} has rank 0, which Triton's PyTorch backend does not support; give it an axis (FP32[1]) inside the model, "
            "or export it with --format onnx"
        )
    return fields | {"dims": [1]}


def _dims(spec: TensorSpec, max_batch_size: int, what: str) -> list[int]:
    if spec.shape is None:
        raise ExportError(
            f"{what} has an unknown rank, and Triton needs a known one; declare its shape in turnout.yaml, "
            "or export the model with fixed ranks"
        )
    if 0 in spec.shape:
        raise ExportError(f"{what} is {spec} and Triton accepts no size 0; export the model with that axis free (-1)")
    if max_batch_size == 0:
        return list(spec.shape)
    if not spec.shape:
        raise ExportError(
            f"{what} has rank 0, so no batch axis, and max_batch_size is {max_batch_size}; give every tensor a batch "
            "axis, or set max_batch_size: 0"
        )
    if spec.shape[0] != -1:
        raise ExportError(
            f"{what} is {spec}: its first axis is fixed, and max_batch_size is {max_batch_size}; export the model with a free "
            "batch axis, or set max_batch_size: 0"
        )
    return list(spec.shape[1:])
