"""The completion of an ONNX model's config, by the rules of Triton's own backend.

The inputs and outputs that config.pbtxt declares get the datatypes and dims that it leaves out. If it declares none, they come
from the file; then a model whose tensors all begin with a free axis is batched, up to ``max_batch_size`` or 4, with dynamic
batching.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnout_triton.server.hosted.version_file import file_inside, file_of_this_stub

DEFAULT_MAX_BATCH_SIZE = 4  # Triton's own default for --backend-config=default-max-batch-size

DATATYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(bfloat16)": "TYPE_BF16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
    "tensor(string)": "TYPE_STRING",
}


def complete(config: Any) -> Any:
    """Return Triton's ``config``, completed with inputs, outputs and batching from the model's file."""
    given = config.as_dict()
    tensors = (*given["input"], *given["output"])
    if given["input"] and given["output"] and all(_is_complete(entry) for entry in tensors):
        return config
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # only the signature is read here
    file = file_inside(file_of_this_stub(), "model.onnx")
    session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
    _fill(config, session.get_inputs(), session.get_outputs())
    return config


def _fill(config: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    given = config.as_dict()
    if not (given["input"] and given["output"]) and all(_begins_with_batch(node) for node in (*inputs, *outputs)):
        _batch(config, given)
    batched = config.as_dict()["max_batch_size"] > 0
    for node in _missing(inputs, given["input"]):
        config.add_input(_tensor(node, batched=batched))
    for node in _missing(outputs, given["output"]):
        config.add_output(_tensor(node, batched=batched))


def _batch(config: Any, given: Mapping[str, Any]) -> None:
    if given["max_batch_size"] == 0:
        config.set_max_batch_size(DEFAULT_MAX_BATCH_SIZE)
    own_scheduler = {"sequence_batching", "ensemble_scheduling", "dynamic_batching"} & set(given)
    if given["max_batch_size"] != 1 and not own_scheduler:
        config.set_dynamic_batching()


def _is_complete(entry: Mapping[str, Any]) -> bool:
    return entry["data_type"] != "TYPE_INVALID" and bool(entry["dims"])


def _missing(nodes: Sequence[Any], declared: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return the tensors of the file that the config has to get, or that it declares in part; all if it declares none."""
    short = {entry["name"] for entry in declared if not _is_complete(entry)}
    return [node for node in nodes if not declared or node.name in short]


def _begins_with_batch(node: Any) -> bool:
    return bool(node.shape) and not isinstance(node.shape[0], int)


def _tensor(node: Any, *, batched: bool) -> dict[str, Any]:
    if node.type not in DATATYPES:
        raise ValueError(
            f"{node.name!r} is {node.type}, which Triton has no datatype for; export the model with another datatype"
        )
    dims = [size if isinstance(size, int) else -1 for size in node.shape]
    # Triton has no rank 0: such a tensor, or a batch of them, is declared with one element.
    return {"name": node.name, "data_type": DATATYPES[node.type], "dims": (dims[1:] if batched else dims) or [1]}
