"""The completion of an ONNX model's config, by the rules of Triton's own backend.

If config.pbtxt declares inputs and outputs, nothing is added. If it declares none, they come from the file, and a model whose
tensors all begin with a free axis is batched: up to ``max_batch_size``, or up to 4 with dynamic batching.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from turnout_triton.server.hosted.version_file import file_of_this_stub

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
    if given["input"] and given["output"]:
        return config
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # only the signature is read here
    session = onnxruntime.InferenceSession(str(file_of_this_stub()), settings, providers=["CPUExecutionProvider"])
    _fill(config, session.get_inputs(), session.get_outputs())
    return config


def _fill(config: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    given = config.as_dict()
    if given["max_batch_size"] == 0 and all(_begins_with_batch(node) for node in (*inputs, *outputs)):
        config.set_max_batch_size(DEFAULT_MAX_BATCH_SIZE)
        if "sequence_batching" not in given and "ensemble_scheduling" not in given:
            config.set_dynamic_batching()
    batched = config.as_dict()["max_batch_size"] > 0
    if not given["input"]:
        for node in inputs:
            config.add_input(_tensor(node, batched=batched))
    if not given["output"]:
        for node in outputs:
            config.add_output(_tensor(node, batched=batched))


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
