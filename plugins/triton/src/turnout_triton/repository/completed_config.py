"""A short config.pbtxt, completed from the model's file as Triton completes it when it loads the model.

The inputs and outputs that a config declares get the datatypes and dims that it leaves out. If it declares none, they come from
the file; then a model whose tensors all begin with a free axis is batched, with dynamic batching.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from turnout import ModelSignature
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import copy_of
from turnout_triton.repository.config_tensors import config_data_type

_MAX_BATCH_SIZE = 4
"""Triton's own default for --backend-config=default-max-batch-size."""


def complete_config(config: Any, file: ModelSignature) -> Any:
    """Return ``config`` with the inputs, outputs and batching that it leaves to the model's file; a complete one unchanged."""
    found = copy_of(config)
    if not file.outputs:
        return found
    inputs = [spec for spec in file.inputs if not spec.optional]
    if not (found.input and found.output) and all(spec.shape and spec.shape[0] == -1 for spec in (*inputs, *file.outputs)):
        _batch(found)
    for given, side in ((found.input, inputs), (found.output, file.outputs)):
        _complete_tensors(given, side, batched=found.max_batch_size > 0)
    return found


def _batch(config: Any) -> None:
    config.max_batch_size = config.max_batch_size or _MAX_BATCH_SIZE
    if config.max_batch_size > 1 and config.WhichOneof("scheduling_choice") is None:
        config.dynamic_batching.SetInParent()


def _complete_tensors(target: Any, specs: Sequence[TensorSpec], *, batched: bool) -> None:
    if not target:
        for spec in specs:
            target.add(name=spec.name)
    by_name = {spec.name: spec for spec in specs}
    for tensor in target:
        if tensor.name in by_name:
            _complete_tensor(tensor, by_name[tensor.name], batched=batched)


def _complete_tensor(tensor: Any, spec: TensorSpec, *, batched: bool) -> None:
    if not tensor.data_type:
        values = type(tensor).DESCRIPTOR.fields_by_name["data_type"].enum_type.values_by_name
        tensor.data_type = values[config_data_type(spec.datatype)].number
    if tensor.dims or spec.shape is None:  # without dims the rank stays unknown
        return
    dims = spec.shape[1 if batched else 0 :]
    tensor.dims.extend(dims or (1,))
    if not dims and batched:
        tensor.reshape.SetInParent()
