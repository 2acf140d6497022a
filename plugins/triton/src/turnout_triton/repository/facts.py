"""A model config as short texts by what they are about, so that several can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from turnout_triton.repository.config_file import words_of
from turnout_triton.repository.layout import WARMUP
from turnout_triton.repository.tensors import datatype_of

Facts = dict[str, str]

NONE = "none"
_PLATFORMS = {"onnxruntime": "onnxruntime_onnx", "pytorch": "pytorch_libtorch"}
_ALWAYS = {"input_pinned_memory": {"enable": True}, "output_pinned_memory": {"enable": True}}


def facts_of(config: Any, folder: str) -> Facts:
    """Return what the ModelConfig of a ``folder`` says, in an order and form that does not depend on who wrote it."""
    facts = {
        "name": config.name or folder,
        "platform": platform_of(config),
        "max_batch_size": str(config.max_batch_size),
        "version_policy": _version_policy(config),
        "dynamic_batching": _batching(config),
        "instance_group": _instance_group(config),
        "optimization": _json(_optimization(config)),
        "model_warmup": _json([words_of(sample) for sample in config.model_warmup]),
    }
    facts |= dict([*_tensors("input", config.input), *_tensors("output", config.output)])
    facts |= {f"parameter {name!r}": value.string_value for name, value in config.parameters.items()}
    if config.ensemble_scheduling.step:
        facts["ensemble_scheduling"] = _json(words_of(config.ensemble_scheduling))
    return facts


def data_files(config: Any) -> set[str]:
    """Return the names, below the model's folder, of the warm-up data that ``config`` names."""
    tensors = [tensor for sample in config.model_warmup for tensor in sample.inputs.values()]
    return {f"{WARMUP}/{tensor.input_data_file}" for tensor in tensors if tensor.input_data_file}


def data_facts(hashes: Mapping[str, str]) -> Facts:
    """Return what warm-up data by name of file is."""
    return {f"warm-up data {name!r}": text for name, text in sorted(hashes.items())}


def sha256(data: bytes) -> str:
    """Return the beginning of a hash of ``data``, for a message."""
    return f"sha256 {hashlib.sha256(data).hexdigest()[:12]}"


def platform_of(config: Any) -> str:
    """Return the platform, which newer configs leave to the backend."""
    return str(config.platform or _PLATFORMS.get(config.backend, config.backend))


def _tensors(kind: str, tensors: Iterable[Any]) -> Iterable[tuple[str, str]]:
    for tensor in tensors:
        text = f"{datatype_of(tensor.data_type)} {list(tensor.dims)}"
        if tensor.HasField("reshape"):
            text += f" reshaped to {list(tensor.reshape.shape)}"
        yield f"{kind} {tensor.name!r}", text


def _version_policy(config: Any) -> str:
    policy = config.version_policy
    if policy.HasField("all"):
        return "all"
    if policy.HasField("specific"):
        return f"specific {sorted(policy.specific.versions)}"
    return f"latest {policy.latest.num_versions or 1}"


def _batching(config: Any) -> str:
    if not config.HasField("dynamic_batching"):
        return NONE
    words = words_of(config.dynamic_batching)
    # The server fills in the largest batch where no size is preferred.
    if words.get("preferred_batch_size") == [config.max_batch_size]:
        del words["preferred_batch_size"]
    return _json(words)


def _instance_group(config: Any) -> str:
    groups = [_group(group) for group in config.instance_group]
    return "; ".join(groups) or "1 x KIND_AUTO"


def _group(group: Any) -> str:
    words = words_of(group)
    kind, count = words.get("kind", "KIND_AUTO"), words.get("count", 1)
    gpus = f" on {list(group.gpus)}" if group.gpus else ""
    return f"{count} x {kind}{gpus}"


def _optimization(config: Any) -> dict[str, Any]:
    words = words_of(config.optimization)
    return {name: value for name, value in words.items() if value not in (_ALWAYS.get(name), {}, [])}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True) if value else (NONE if value == [] else "{}")
