"""Instances of a model: the options of each, and the execution providers that fit its kind.

GPUs follow ONNX Runtime's documentation and are untested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnout_onnxruntime.options import CPU_PROVIDER, CUDA_PROVIDER, NVIDIA_PROVIDERS, OnnxruntimeOptions


def instance_options(options: OnnxruntimeOptions) -> Sequence[OnnxruntimeOptions]:
    """Return the options of each instance that ``instance_group`` asks for; none without it.

    Raises:
        ModelLoadError: it asks for every GPU, and this process sees none.
    """
    gpus = [gpu for group in options.instance_group for gpu in group.devices()]
    return [options.model_copy(update={"providers": _providers(options, gpu), "instance_group": ()}) for gpu in gpus]


def _providers(options: OnnxruntimeOptions, gpu: int | None) -> Any:
    if gpu is None:
        return [CPU_PROVIDER] if options.providers == "auto" else options.providers
    if options.providers == "auto":
        return [{CUDA_PROVIDER: {"device_id": gpu}}, CPU_PROVIDER]
    named: list[dict[str, Any]] = [{entry: {}} if isinstance(entry, str) else dict(entry) for entry in options.providers]
    return [{name: _on(gpu, name, given) for name, given in entry.items()} for entry in named]


def _on(gpu: int, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, "device_id": gpu} if name in NVIDIA_PROVIDERS else dict(given)
