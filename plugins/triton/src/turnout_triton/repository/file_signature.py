"""The inputs and outputs of a model's file, merged with those that turnout.yaml declares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import ConfigFile
from turnout_triton.repository.config_tensors import spec_of
from turnout_triton.repository.layout import is_onnx
from turnout_triton.repository.onnx_signature import read_onnx_signature
from turnout_triton.repository.output_hints import served_output


def read_file_signature(file: Path | None) -> ModelSignature:
    """Return the inputs and outputs of ``file``; empty for any other format than ONNX.

    Raises:
        ExportError: the file cannot be read.
    """
    if file is None or not is_onnx(file.name):
        return ModelSignature()
    return read_onnx_signature(file)


def read_signature(file: Path | None, present: ConfigFile | None) -> ModelSignature:
    """Return the inputs and outputs of ``file``, or of its config.pbtxt, written at the export, if the file has none.

    Raises:
        ExportError: the file cannot be read.
    """
    found = read_file_signature(file)
    return config_signature(present.config) if present is not None and not found.inputs else found


def config_signature(config: Any) -> ModelSignature:
    """Return the inputs and outputs of a ModelConfig, batch axis included."""
    batch = config.max_batch_size
    inputs, outputs = (tuple(spec_of(tensor, batch) for tensor in side) for side in (config.input, config.output))
    return ModelSignature(inputs, outputs)


def merge_signatures(model: ModelDeclaration, file: ModelSignature, filename: str) -> ModelSignature:
    """Return the inputs and outputs to serve: those that turnout.yaml declares, or those of the file if it declares none.

    Raises:
        ExportError: turnout.yaml and the file contradict each other.
    """
    inputs = _merge_side("input", model.inputs, file.inputs, model, filename)
    outputs = _merge_side("output", model.outputs, file.outputs, model, filename)
    return ModelSignature(inputs, outputs)


def _merge_side(
    kind: str, declared: tuple[TensorSpec, ...], found: tuple[TensorSpec, ...], model: ModelDeclaration, filename: str
) -> tuple[TensorSpec, ...]:
    if not declared or not found:
        # An input with a default is omitted: Triton's backends cannot set it.
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
            _check_match(kind, by_name[name], spec, model, filename)
        elif kind == "input" and not spec.optional:
            raise ExportError(
                f"model {model.name!r}: {filename} has input {name!r} {spec}, which turnout.yaml does not declare; "
                "declare it, or no inputs"
            )
    # In the file's order, because the PyTorch backend assigns names without a number by position.
    merged = tuple(by_name[name] for name in theirs if name in by_name)
    if not is_onnx(filename) or kind == "input":
        return merged
    return tuple(served_output(spec, theirs[spec.name], model) for spec in merged)


def _check_match(kind: str, declared: TensorSpec, found: TensorSpec, model: ModelDeclaration, filename: str) -> None:
    """Raise ExportError if the declaration of a tensor contradicts the file.

    A size that an ONNX file fixes for an input is enforced, and NVIDIA's backend does not load a config.pbtxt that frees it.
    The output shapes of such a file are hints.
    """
    if is_onnx(filename) and kind == "output" and declared.datatype == found.datatype:
        return
    exact = is_onnx(filename)
    batched = model.max_batch_size > 0
    if declared.datatype != found.datatype or not fits(declared.shape, found, batched=batched, exact=exact):
        raise ExportError(
            f"model {model.name!r}: turnout.yaml declares {kind} {declared.name!r} as {declared}, {filename} has {found}; "
            "correct the declaration (without the batch axis if max_batch_size is above 0), or export the model again"
        )


def fits(shape: tuple[int, ...] | None, found: TensorSpec, *, batched: bool, exact: bool = False) -> bool:
    """Return whether ``shape`` can be that of ``found``, a tensor of the file; a batch axis must be free in the file too.

    ``exact``: a size that the file fixes must be fixed in ``shape``.
    """
    theirs = found.shape
    if shape is None or theirs is None:
        return True
    if len(shape) != len(theirs) or (batched and theirs[0] != -1):
        return False
    if exact:
        return found.accepts_shape(shape)
    return all(-1 in (our, their) or our == their for our, their in zip(shape, theirs, strict=True))
