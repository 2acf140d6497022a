"""A model config as entries: short texts by name, which can be compared across sources.

Every field that is set becomes an entry, also those that this module does not know by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from turnout_triton.repository.config_file import fields_of
from turnout_triton.repository.config_tensors import kserve_datatype
from turnout_triton.repository.layout import WARMUP
from turnout_triton.repository.normal_form import normal_form, platform_of

Entries = dict[str, str]

NONE = "none"
TENSOR_SETTINGS = "settings of "
"""The beginning of an entry with what a tensor has beside datatype and shape, such as ``optional``."""
SCHEDULING = "ensemble_scheduling"
_SAID = frozenset(
    {"name", "platform", "backend", "max_batch_size", "version_policy", "dynamic_batching", "instance_group", "optimization"}
    | {"model_warmup", "input", "output", "parameters"}
)
"""The fields with an entry of their own form, which turnout.yaml can say."""


def entries_of(config: Any, folder: str) -> Entries:
    """Return the entries of the ModelConfig of a ``folder``; order and form do not depend on who wrote the config."""
    config = normal_form(config)
    entries = {
        "name": config.name or folder,
        "platform": platform_of(config),
        "max_batch_size": str(config.max_batch_size),
        "version_policy": _version_policy(config),
        "dynamic_batching": _dynamic_batching(config),
        "instance_group": _instance_group(config),
        "optimization": _json(fields_of(config.optimization)),
        "model_warmup": _json([fields_of(sample) for sample in config.model_warmup]),
    }
    entries |= dict([*_tensors("input", config.input), *_tensors("output", config.output)])
    entries |= {f"parameter {name!r}": value.string_value for name, value in config.parameters.items()}
    others = fields_of(config)
    return entries | {name: _json(value) for name, value in others.items() if name not in _SAID}


def unsaid_entries(config: Any) -> tuple[str, ...]:
    """Return prefixes of all entries that turnout.yaml has no words for."""
    names = (field.name for field in config.DESCRIPTOR.fields)
    return (TENSOR_SETTINGS, *(name for name in names if name not in _SAID and name != SCHEDULING))


def data_files(config: Any) -> set[str]:
    """Return the names, below the model's folder, of the warm-up data that ``config`` names."""
    tensors = [tensor for sample in config.model_warmup for tensor in sample.inputs.values()]
    return {f"{WARMUP}/{tensor.input_data_file}" for tensor in tensors if tensor.input_data_file}


def data_entries(hashes: Mapping[str, str]) -> Entries:
    """Return the entries of warm-up data; ``hashes`` has a text by file name."""
    return {f"warm-up data {name!r}": text for name, text in sorted(hashes.items())}


def short_hash(sha256: str) -> str:
    """Return the beginning of a SHA-256, for a message."""
    return f"sha256 {sha256[:12]}"


def _tensors(kind: str, tensors: Iterable[Any]) -> Iterable[tuple[str, str]]:
    for tensor in tensors:
        text = f"{kserve_datatype(tensor.data_type)} {list(tensor.dims)}"
        if tensor.HasField("reshape"):
            text += f" reshaped to {list(tensor.reshape.shape)}"
        yield f"{kind} {tensor.name!r}", text
        fields = fields_of(tensor)
        more = {name: value for name, value in fields.items() if name not in ("name", "data_type", "dims", "reshape")}
        if more:
            yield f"{TENSOR_SETTINGS}{kind} {tensor.name!r}", _json(more)


def _version_policy(config: Any) -> str:
    policy = config.version_policy
    if policy.HasField("all"):
        return "all"
    if policy.HasField("specific"):
        return f"specific {sorted(policy.specific.versions)}"
    return f"latest {policy.latest.num_versions if policy.HasField('latest') else 1}"


def _dynamic_batching(config: Any) -> str:
    return _json(fields_of(config.dynamic_batching)) if config.HasField("dynamic_batching") else NONE


def _instance_group(config: Any) -> str:
    return "; ".join(_group(group) for group in config.instance_group) or "Triton's default"


def _group(group: Any) -> str:
    fields = fields_of(group)
    kind, count = fields.pop("kind", "KIND_AUTO"), fields.pop("count", "default")
    gpus = f" on {fields.pop('gpus')}" if group.gpus else ""
    return f"{count} x {kind}{gpus}" + (f" {_json(fields)}" if fields else "")


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True) if value else (NONE if value == [] else "{}")
