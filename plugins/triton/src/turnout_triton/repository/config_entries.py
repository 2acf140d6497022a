"""A model config as entries: short texts by name, which can be compared across sources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from turnout_triton.repository.config_file import fields_of
from turnout_triton.repository.config_tensors import kserve_datatype
from turnout_triton.repository.layout import PLATFORMS, WARMUP

Entries = dict[str, str]

NONE = "none"
_PLATFORMS = {one.backend: one.platform for one in PLATFORMS.values() if one.platform}
_DEFAULTS = {"input_pinned_memory": {"enable": True}, "output_pinned_memory": {"enable": True}}


def entries_of(config: Any, folder: str) -> Entries:
    """Return the entries of the ModelConfig of a ``folder``; order and form do not depend on who wrote the config."""
    entries = {
        "name": config.name or folder,
        "platform": platform_of(config),
        "max_batch_size": str(config.max_batch_size),
        "version_policy": _version_policy(config),
        "dynamic_batching": _dynamic_batching(config),
        "instance_group": _instance_group(config),
        "optimization": _json(_optimization(config)),
        "model_warmup": _json([fields_of(sample) for sample in config.model_warmup]),
    }
    entries |= dict([*_tensors("input", config.input), *_tensors("output", config.output)])
    entries |= {f"parameter {name!r}": value.string_value for name, value in config.parameters.items()}
    if config.ensemble_scheduling.step:
        entries["ensemble_scheduling"] = _json(fields_of(config.ensemble_scheduling))
    return entries


def data_files(config: Any) -> set[str]:
    """Return the names, below the model's folder, of the warm-up data that ``config`` names."""
    tensors = [tensor for sample in config.model_warmup for tensor in sample.inputs.values()]
    return {f"{WARMUP}/{tensor.input_data_file}" for tensor in tensors if tensor.input_data_file}


def data_entries(hashes: Mapping[str, str]) -> Entries:
    """Return the entries of warm-up data; ``hashes`` has a text by file name."""
    return {f"warm-up data {name!r}": text for name, text in sorted(hashes.items())}


def sha256(data: bytes) -> str:
    """Return the beginning of a hash of ``data``, for a message."""
    return f"sha256 {hashlib.sha256(data).hexdigest()[:12]}"


def platform_of(config: Any) -> str:
    """Return the platform; newer configs name only the backend."""
    return str(config.platform or _PLATFORMS.get(config.backend, config.backend))


def _tensors(kind: str, tensors: Iterable[Any]) -> Iterable[tuple[str, str]]:
    for tensor in tensors:
        text = f"{kserve_datatype(tensor.data_type)} {list(tensor.dims)}"
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


def _dynamic_batching(config: Any) -> str:
    if not config.HasField("dynamic_batching"):
        return NONE
    fields = fields_of(config.dynamic_batching)
    # The server fills in the largest batch if no size is preferred.
    if fields.get("preferred_batch_size") == [config.max_batch_size]:
        del fields["preferred_batch_size"]
    return _json(fields)


def _instance_group(config: Any) -> str:
    groups = [_group(group) for group in config.instance_group]
    return "; ".join(groups) or "1 x KIND_AUTO"


def _group(group: Any) -> str:
    fields = fields_of(group)
    kind, count = fields.get("kind", "KIND_AUTO"), fields.get("count", 1)
    gpus = f" on {list(group.gpus)}" if group.gpus else ""
    return f"{count} x {kind}{gpus}"


def _optimization(config: Any) -> dict[str, Any]:
    """Return the optimization without the defaults that a server writes out."""
    fields = fields_of(config.optimization)
    return {name: value for name, value in fields.items() if value not in (_DEFAULTS.get(name), {}, [])}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True) if value else (NONE if value == [] else "{}")
