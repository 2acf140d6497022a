"""Limits of NVIDIA's container: models that only ``turnout triton serve`` loads."""

from __future__ import annotations

from typing import Any

from turnout_triton.repository.config_tensors import kserve_datatype
from turnout_triton.repository.model_backend import named_backend


def container_note(config: Any) -> str:
    """Return a note on a model that NVIDIA's container refuses to load; empty for any other."""
    if named_backend(config) != "onnxruntime":
        return ""
    names = [tensor.name for tensor in (*config.input, *config.output) if kserve_datatype(tensor.data_type) == "BF16"]
    if not names:
        return ""
    return (
        f"{', '.join(map(repr, names))}: BF16, which NVIDIA's ONNX Runtime backend does not load, only turnout triton serve; "
        "export the model with FP32 or FP16 tensors for the container"
    )
