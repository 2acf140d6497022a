"""The inputs and outputs of a model of an existing repository, by its config and its file.

Where they contradict each other, a server refuses the model, so the file decides: it is what answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from turnout import ModelSignature
from turnout.tensors import TensorSpec
from turnout_triton.repository.file_signature import config_signature, fits


@dataclass(frozen=True, slots=True)
class DescribedTensors:
    """The tensors of a model for turnout.yaml.

    Attributes:
        signature: inputs and outputs, batch axis included.
        max_batch_size: the largest size of the batch axis; 0 without one.
        contradiction: the reason why the file decided, not the config; empty if they agree.
    """

    signature: ModelSignature
    max_batch_size: int
    contradiction: str = ""


def describe_tensors(config: Any, file: ModelSignature) -> DescribedTensors:
    """Return the tensors of a model with this config, whose file has ``file``, which is empty for another format than ONNX."""
    if not file.outputs:
        return DescribedTensors(config_signature(config), config.max_batch_size)
    contradiction = _find_contradiction(config, file)
    if contradiction:
        required = tuple(spec for spec in file.inputs if not spec.optional)
        return DescribedTensors(ModelSignature(required, file.outputs), 0, contradiction)
    return DescribedTensors(_restore_ranks(config_signature(config), file), config.max_batch_size)


def _find_contradiction(config: Any, file: ModelSignature) -> str:
    """Return the first contradiction. Shapes of outputs are not compared: in an ONNX file they are only a hint."""
    own = config_signature(config)
    for kind, declared, found in (("input", own.inputs, file.inputs), ("output", own.outputs, file.outputs)):
        theirs = {spec.name: spec for spec in found}
        for spec in declared:
            if spec.name not in theirs:
                return f"it declares {kind} {spec.name!r}, the file has: {', '.join(theirs)}"
            if spec.datatype != theirs[spec.name].datatype:
                return f"it declares {kind} {spec.name!r} as {spec.datatype}, the file has {theirs[spec.name].datatype}"
    shapes = {tensor.name: _shape_for_the_model(tensor, config.max_batch_size) for tensor in config.input}
    for spec in file.inputs:
        if spec.name not in shapes and not spec.optional:
            return f"it does not declare input {spec.name!r}"
        if spec.name in shapes and not _takes(spec, shapes[spec.name], batched=config.max_batch_size > 0):
            batch = f" with max_batch_size {config.max_batch_size}" if config.max_batch_size else ""
            return f"it declares input {spec.name!r} as {list(shapes[spec.name])}{batch}, the file has {spec}"
    return ""


def _shape_for_the_model(tensor: Any, max_batch_size: int) -> tuple[int, ...]:
    """Return the shape that the model gets, batch axis included."""
    dims = tuple(tensor.reshape.shape) if tensor.HasField("reshape") else tuple(tensor.dims)
    return (-1, *dims) if max_batch_size else dims


def _takes(spec: TensorSpec, shape: tuple[int, ...], *, batched: bool) -> bool:
    return (spec.shape == () and shape == (1,)) or fits(shape, spec, batched=batched)


def _restore_ranks(config: ModelSignature, file: ModelSignature) -> ModelSignature:
    """Return the signature of the config with rank 0 where the file has it, which is one element there, or an unknown rank."""
    theirs = {spec.name: spec for spec in (*file.inputs, *file.outputs)}
    sides = (tuple(_restore_rank(spec, theirs[spec.name]) for spec in side) for side in (config.inputs, config.outputs))
    return ModelSignature(*sides)


def _restore_rank(spec: TensorSpec, theirs: TensorSpec) -> TensorSpec:
    if theirs.shape is None and spec.shape in ((), (-1,)):
        return replace(spec, shape=None)
    return replace(spec, shape=()) if theirs.shape == () and spec.shape == (1,) else spec
