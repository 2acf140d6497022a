"""What a model takes and gives: what turnout.yaml declares, as far as the model's file agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import ConfigFile
from turnout_triton.repository.onnx_signature import read_onnx_signature
from turnout_triton.repository.tensors import spec_of


def file_signature(file: Path | None) -> ModelSignature:
    """Return what ``file`` says of its inputs and outputs; nothing is known of TorchScript.

    Raises:
        ExportError: the file cannot be read.
    """
    if file is None or file.name != "model.onnx":
        return ModelSignature()
    return read_onnx_signature(file)


def known_signature(file: Path | None, present: ConfigFile | None) -> ModelSignature:
    """Return what ``file`` says, or else what was known when it was exported, which stands in its config.

    Raises:
        ExportError: the file cannot be read.
    """
    found = file_signature(file)
    return config_signature(present.config) if present is not None and not found.inputs else found


def config_signature(config: Any) -> ModelSignature:
    """Return what a ModelConfig says of inputs and outputs, batch axis included."""
    batch = config.max_batch_size
    inputs, outputs = (tuple(spec_of(tensor, batch) for tensor in side) for side in (config.input, config.output))
    return ModelSignature(inputs, outputs)


def agreed(model: ModelDeclaration, file: ModelSignature, filename: str) -> ModelSignature:
    """Return the inputs and outputs to serve: those that turnout.yaml declares, else those of the file.

    Raises:
        ExportError: turnout.yaml and the file contradict each other.
    """
    inputs = _side("input", model.inputs, file.inputs, model, filename)
    outputs = _side("output", model.outputs, file.outputs, model, filename)
    return ModelSignature(inputs, outputs)


def _side(
    kind: str, declared: tuple[TensorSpec, ...], found: tuple[TensorSpec, ...], model: ModelDeclaration, filename: str
) -> tuple[TensorSpec, ...]:
    if not declared or not found:
        # An input with a default is left out: Triton's backends do not let it be set.
        return declared or tuple(spec for spec in found if not spec.optional)
    by_name = {spec.name: spec for spec in declared}
    theirs = {spec.name: spec for spec in found}
    for name in by_name.keys() - theirs.keys():
        raise ExportError(
            f"model {model.name!r}: turnout.yaml declares {kind} {name!r}, {filename} has: {', '.join(theirs)}; "
            "correct the declaration"
        )
    for name, spec in theirs.items():
        if name in by_name:
            _agree(kind, by_name[name], spec, model, filename)
        elif kind == "input" and not spec.optional:
            raise ExportError(
                f"model {model.name!r}: {filename} has input {name!r} {spec}, which turnout.yaml does not declare; "
                "declare it, or no inputs"
            )
    # The file's order counts where a server goes by order.
    return tuple(by_name[name] for name in theirs if name in by_name)


def _agree(kind: str, declared: TensorSpec, found: TensorSpec, model: ModelDeclaration, filename: str) -> None:
    if declared.datatype != found.datatype or not _fits(declared.shape, found.shape, batched=model.max_batch_size > 0):
        raise ExportError(
            f"model {model.name!r}: turnout.yaml declares {kind} {declared.name!r} as {declared}, {filename} has {found}; "
            "correct the declaration (without the batch axis if max_batch_size is above 0), or export the model again"
        )


def _fits(shape: tuple[int, ...] | None, theirs: tuple[int, ...] | None, *, batched: bool) -> bool:
    """Tell whether two shapes can be of one tensor; a batch axis must be free in the file too."""
    if shape is None or theirs is None:
        return True
    if len(shape) != len(theirs) or (batched and theirs[0] != -1):
        return False
    return all(-1 in (our, their) or our == their for our, their in zip(shape, theirs, strict=True))
