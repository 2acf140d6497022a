"""The output shapes of an ONNX file: hints, which ONNX Runtime does not enforce, so turnout.yaml may correct them.

Where the model contradicts a size of its file, ONNX Runtime reports that size as free, and where it contradicts the rank, an
unknown rank. NVIDIA's backend compares config.pbtxt with what ONNX Runtime reports, exactly.
"""

from __future__ import annotations

from dataclasses import replace

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import ExportError
from turnout.tensors import TensorSpec


def served_output(declared: TensorSpec, file: TensorSpec, model: ModelDeclaration) -> TensorSpec:
    """Return an output for config.pbtxt: as in the file, and free where turnout.yaml corrects a size.

    Raises:
        ExportError: turnout.yaml corrects the rank, and the model has a batch axis, which Triton then cannot find.
    """
    if file.shape is None or declared.shape is None:
        return declared if file.shape is None else file
    if len(declared.shape) == len(file.shape):
        pairs = zip(declared.shape, file.shape, strict=True)
        return replace(file, shape=tuple(hint if given in (-1, hint) else -1 for given, hint in pairs))
    if model.max_batch_size:
        raise ExportError(
            f"model {model.name!r}: turnout.yaml declares output {declared.name!r} as {declared}, the file as {file}; ONNX "
            "Runtime ignores such a shape, and Triton cannot merge requests of a model whose rank is wrong in its file: export "
            "the model again, or set max_batch_size: 0"
        )
    return declared


def corrects(declared: TensorSpec, file: TensorSpec) -> bool:
    """Return whether turnout.yaml declares another shape for an output than the file; a narrower one is no correction."""
    if declared.shape is None or file.shape is None:
        return False
    return len(declared.shape) != len(file.shape) or any(
        hint not in (-1, given) and given != -1 for given, hint in zip(declared.shape, file.shape, strict=True)
    )


def corrected_outputs(model: ModelDeclaration, file: ModelSignature) -> list[str]:
    """Return the names of the outputs whose shape turnout.yaml corrects."""
    theirs = {spec.name: spec for spec in file.outputs}
    return [spec.name for spec in model.outputs if spec.name in theirs and corrects(spec, theirs[spec.name])]
