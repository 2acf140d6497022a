"""What turnout.yaml can take over of a config.pbtxt beside tensors and batches, and what it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from turnout_triton.model_config_options import InstanceGroup, ModelConfigOptions
from turnout_triton.repository.config_file import words_of
from turnout_triton.repository.layout import CONFIG

_CARRIED = ("instance_group", "version_policy", "optimization", "parameters")
_LEFT = ("model_warmup", "response_cache", "model_repository_agents", "batch_input", "batch_output")


def carried(config: Any) -> dict[str, Any]:
    """Return what only Triton knows and turnout.yaml can say."""
    words = {name: value for name, value in words_of(config).items() if name in _CARRIED}
    if words.get("version_policy") in ({"latest": {"num_versions": 1}}, {"latest": {}}, {}):
        del words["version_policy"]
    if "parameters" in words:
        words["parameters"] = {name: literal(value.get("string_value", "")) for name, value in words["parameters"].items()}
    if "instance_group" in words:
        words["instance_group"] = [_group(group) for group in words["instance_group"]]
    if words.get("instance_group") in ([{"count": 1}], [{}]):
        del words["instance_group"]
    return _checked({name: numbers(value) if name != "parameters" else value for name, value in words.items()})


def _group(words: dict[str, Any]) -> dict[str, Any]:
    """Return what turnout.yaml can say of an instance group; the rate limiter stays in the file."""
    return {name: value for name, value in words.items() if name in InstanceGroup.model_fields}


def _checked(words: dict[str, Any]) -> dict[str, Any]:
    """Return the ``words`` that turnout.yaml can say."""
    said = {}
    for name, value in words.items():
        try:
            ModelConfigOptions.model_validate({name: value})
        except ValidationError:
            continue
        said[name] = value
    return said


def remarks(config: Any) -> Iterator[str]:
    """Yield what the user should know of a model, one line each."""
    if config.model_transaction_policy.decoupled:
        yield "streams its answers (decoupled); ask it with infer_stream"
    if left := list(_left(config)):
        yield f"{CONFIG} also says {', '.join(left)}, which stays there alone"
    if any(tensor.allow_ragged_batch for tensor in config.input):
        yield "takes ragged batches; Turnout sends each request with one length"


def _left(config: Any) -> Iterator[str]:
    words, own = words_of(config), carried(config)
    yield from (name for name in _LEFT if name in words)
    yield from (name for name in ("optimization", "parameters") if name in words and name not in own)
    if any("rate_limiter" in group for group in words.get("instance_group", ())):
        yield "rate_limiter"


def literal(text: str) -> str:
    """Return ``text`` for turnout.yaml, where a dollar sign begins a variable."""
    return text.replace("$", "$$")


def numbers(value: Any) -> Any:
    """Return protobuf's JSON with its 64-bit numbers, which it writes as text, as numbers."""
    if isinstance(value, dict):
        return {name: numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [numbers(part) for part in value]
    return int(value) if isinstance(value, str) and value.isdecimal() else value
