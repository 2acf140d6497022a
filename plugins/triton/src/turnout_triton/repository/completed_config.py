"""A short config.pbtxt, completed from the model's file as Triton completes it when it loads the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from turnout import ModelSignature
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import new_config
from turnout_triton.repository.config_tensors import config_data_type

_MAX_BATCH_SIZE = 4
"""Triton's own default for --backend-config=default-max-batch-size."""


def complete_config(config: Any, file: ModelSignature) -> Any:
    """Return ``config`` with the inputs, outputs and batching that it leaves to the model's file; a complete one unchanged."""
    found = new_config()
    found.CopyFrom(config)
    specs = (*file.inputs, *file.outputs)
    if not specs or (found.input and found.output):
        return found
    if not found.max_batch_size and all(spec.shape and spec.shape[0] == -1 for spec in specs):
        found.max_batch_size = _MAX_BATCH_SIZE
        if found.WhichOneof("scheduling_choice") is None:
            found.dynamic_batching.SetInParent()
    for given, side in ((found.input, file.inputs), (found.output, file.outputs)):
        if not given:
            _add_tensors(given, [spec for spec in side if not spec.optional], batched=found.max_batch_size > 0)
    return found


def _add_tensors(target: Any, specs: Sequence[TensorSpec], *, batched: bool) -> None:
    for spec in specs:
        dims = (spec.shape or ())[1 if batched else 0 :]
        tensor = target.add(name=spec.name, dims=dims or (1,))
        tensor.data_type = (
            type(tensor).DESCRIPTOR.fields_by_name["data_type"].enum_type.values_by_name[config_data_type(spec.datatype)].number
        )
        if not dims and batched:
            tensor.reshape.SetInParent()
