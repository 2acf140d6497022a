"""The reshape of a config.pbtxt: a client sends ``dims``, the model's file takes the same elements in another shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import ConfigFile
from turnout_triton.repository.config_tensors import spec_of
from turnout_triton.repository.layout import CONFIG, is_onnx


def reshapes(config: Any) -> bool:
    """Return whether a client of ``config`` has other shapes than the model's file; rank 0 does not count."""
    return any(_is_reshaped(tensor) for tensor in (*config.input, *config.output))


def reshaped_signature(
    model: ModelDeclaration, file: ModelSignature, filename: str, present: ConfigFile | None
) -> ModelSignature:
    """Return the signature ``file`` as a client sees it, through the reshapes of the ``present`` config.pbtxt.

    Raises:
        ExportError: a reshape does not give what the file takes.
    """
    if present is None:
        return file
    sides = ((file.inputs, present.config.input), (file.outputs, present.config.output))
    seen = []
    for exact, (specs, tensors) in enumerate(sides):  # NVIDIA's backend compares the sizes of outputs exactly
        by_name = {tensor.name: tensor for tensor in tensors if _is_reshaped(tensor)}
        seen.append(tuple(_seen(model, spec, by_name.get(spec.name), filename, present, exact=bool(exact)) for spec in specs))
    return ModelSignature(*seen)


def _is_reshaped(tensor: Any) -> bool:
    shape = list(tensor.reshape.shape)
    return bool(tensor.HasField("reshape") and shape and shape != list(tensor.dims))


def _seen(
    model: ModelDeclaration, spec: TensorSpec, tensor: Any, filename: str, present: ConfigFile, *, exact: bool
) -> TensorSpec:
    if tensor is None or not is_onnx(filename):  # only an ONNX file says its shapes
        return spec
    batch = (-1,) if present.config.max_batch_size else ()
    given = (*batch, *tensor.reshape.shape)
    if spec.shape is not None and not (given == spec.shape if exact else spec.accepts_shape(given)):
        raise ExportError(
            f"model {model.name!r}: {CONFIG} reshapes {spec.name!r} to {list(given)}, and {filename} has {spec}; "
            f"correct 'reshape' in {CONFIG}"
        )
    return replace(spec, shape=spec_of(tensor, present.config.max_batch_size).shape)
