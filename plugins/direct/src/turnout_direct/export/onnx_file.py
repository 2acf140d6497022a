"""ONNX files: writing, checking, and reading their signature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelSignature
from turnout.errors import ExportError
from turnout.tensors import TensorSpec, datatype_of
from turnout_direct.export.failures import export_error, refusal
from turnout_direct.export.silence import silence

if TYPE_CHECKING:
    from turnout_direct.export.traceable import Traceable

# onnxruntime 1.19 reads opset 21 at most; a Gelu operator needs 20.
OPSET = 20
TITLE = "ONNX"
# A protobuf message holds 2 GB at most, so larger weights need a second file.
ONE_FILE_BYTES = 1_500_000_000


class PositionalCall(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Calls a module by position, so that torch.export describes free axes alike for every module."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.module(*inputs)


def write_onnx(traceable: Traceable, file: Path) -> None:
    """Write ``traceable`` to ``file``; weights over 1.5 GB go to a second file next to it.

    Raises:
        ExportError: the module cannot be traced, or uses an operator that ONNX does not have.
    """
    if any(isinstance(module, torch.jit.ScriptModule) for module in traceable.module.modules()):
        raise refusal(
            traceable, TITLE, "it is TorchScript; load it from its class or a factory, or keep it on the backend 'direct'"
        )
    try:
        program = _trace(traceable)
    except Exception as error:
        raise export_error(error, traceable, TITLE) from error
    strip_metadata(program.model)
    rename_inner(program.model)
    size = sum(weight.numel() * weight.element_size() for weight in traceable.module.state_dict().values())
    program.save(str(file), external_data=size > ONE_FILE_BYTES)


def strip_metadata(model: Any) -> None:
    """Remove the stack traces that torch attaches to nodes: 56 of the 57 MB of BLIP-base, with this machine's paths."""
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


def rename_inner(model: Any) -> None:
    """Rename inner values that have the name of an input or output; torch names them ``t``, ``add``, ``mean``."""
    outer = [*model.graph.inputs, *model.graph.outputs]
    reserved = {value.name for value in outer}
    for node in model.graph.all_nodes():
        for value in node.outputs:
            if value.name in reserved and not any(value is one for one in outer):
                value.name = f"inner_{value.name}"


def read_signature(file: Path) -> ModelSignature:
    """Return the inputs and outputs that ``file`` declares."""
    import onnx

    graph = onnx.load(str(file), load_external_data=False).graph
    return ModelSignature(tuple(map(_spec, graph.input)), tuple(map(_spec, graph.output)))


def check_file(file: Path, traceable: Traceable) -> None:
    """Raise ExportError if ``file`` violates the ONNX standard, or fixes an axis that is declared free."""
    import onnx

    try:
        onnx.checker.check_model(str(file))
    except onnx.checker.ValidationError as error:
        raise export_error(error, traceable, TITLE) from error
    for declared, written in zip(traceable.inputs, read_signature(file).inputs, strict=True):
        if declared.shape != written.shape:
            raise ExportError(
                f"model {traceable.model!r} ({traceable.label}): input {declared.name!r} is declared as {declared}, but its "
                f"code allows {written} only; take sizes from x.shape there, or declare the fixed sizes in turnout.yaml"
            )


def _trace(traceable: Traceable) -> Any:
    example = traceable.example(2)
    axes = traceable.free_axes()
    dynamic = tuple(dict.fromkeys(names, torch.export.Dim.DYNAMIC) for names in axes)
    with silence(), torch.no_grad():
        # torch.onnx.export(dynamic_shapes=...) alone may fix the batch without an error (torch 2.13).
        program = torch.export.export(PositionalCall(traceable.module), example, dynamic_shapes=(dynamic,), strict=False)
        return torch.onnx.export(
            program,
            input_names=[spec.name for spec in traceable.inputs],
            output_names=list(traceable.outputs),
            dynamic_shapes=(axes,),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _spec(value: Any) -> TensorSpec:
    import onnx

    kind = value.type.tensor_type
    shape = tuple(size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim)
    return TensorSpec(value.name, datatype_of(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)), shape)
