"""The ``model_config`` options of turnout.yaml for an existing config.pbtxt, and remarks on what they cannot express."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from turnout_triton.model_config_options import InstanceGroup, ModelConfigOptions
from turnout_triton.repository.config_entries import entries_of, unsaid_entries
from turnout_triton.repository.config_file import fields_of
from turnout_triton.repository.layout import CONFIG
from turnout_triton.repository.reshape import reshapes

_SUPPORTED = ("instance_group", "version_policy", "optimization", "parameters")
_REMARKED = frozenset({"model_transaction_policy"})
"""Fields that have a remark of their own."""


def options_from_config(config: Any) -> dict[str, Any]:
    """Return the ``model_config`` options that express ``config``, without those that equal Triton's defaults."""
    fields = {name: value for name, value in fields_of(config).items() if name in _SUPPORTED}
    if fields.get("version_policy") in ({"latest": {"num_versions": 1}}, {"latest": {}}, {}):
        del fields["version_policy"]
    if "parameters" in fields:
        texts = {name: value.get("string_value", "") for name, value in fields["parameters"].items()}
        fields["parameters"] = texts
    if "instance_group" in fields:
        fields["instance_group"] = [_supported_fields(group) for group in fields["instance_group"]]
    if fields.get("instance_group") in ([{"count": 1}], [{}]):
        del fields["instance_group"]
    numbers = {name: parse_numbers(value) if name != "parameters" else value for name, value in fields.items()}
    return {name: _escape(value) for name, value in _valid_options(numbers).items()}


def _supported_fields(group: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an instance group that turnout.yaml has; the rate limiter is not one of them."""
    return {name: value for name, value in group.items() if name in InstanceGroup.model_fields}


def _valid_options(options: dict[str, Any]) -> dict[str, Any]:
    valid = {}
    for name, value in options.items():
        try:
            ModelConfigOptions.model_validate({name: value})
        except ValidationError:
            continue
        valid[name] = value
    return valid


def remarks(config: Any) -> Iterator[str]:
    """Yield remarks for the user of the model, one line each."""
    if config.model_transaction_policy.decoupled:
        yield "streams its responses (decoupled); call it with infer_stream"
    if unsupported := list(_unsupported_fields(config)):
        yield f"{CONFIG} also sets {', '.join(unsupported)}, which turnout.yaml cannot express; turnout export keeps them there"
    if reshapes(config):
        yield "is served with other shapes than its file has (reshape), so it has no entry for this process"
    if any(tensor.allow_ragged_batch for tensor in config.input):
        yield "accepts ragged batches; Turnout sends the rows of a request with one shape"


def _unsupported_fields(config: Any) -> Iterator[str]:
    fields, options = fields_of(config), options_from_config(config)
    yield from ["model_warmup"] if "model_warmup" in fields else []
    entries, unsaid = entries_of(config, ""), unsaid_entries(config)
    yield from (name for name in entries if name.startswith(unsaid) and name not in _REMARKED)
    yield from (name for name in ("optimization", "parameters") if name in fields and name not in options)
    if any("rate_limiter" in group for group in fields.get("instance_group", ())):
        yield "rate_limiter"


def escape_variables(text: str) -> str:
    """Return ``text`` as a literal for turnout.yaml, where a dollar sign begins a variable."""
    return text.replace("$", "$$")


def _escape(value: Any) -> Any:
    """Return ``value`` with every text in it as a literal; keys are never variables."""
    if isinstance(value, dict):
        return {name: _escape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_escape(part) for part in value]
    return escape_variables(value) if isinstance(value, str) else value


def parse_numbers(value: Any) -> Any:
    """Return ``value`` with text that is a whole number as ``int``: protobuf's JSON writes 64-bit numbers as text."""
    if isinstance(value, dict):
        return {name: parse_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [parse_numbers(part) for part in value]
    return int(value) if isinstance(value, str) and value.isdecimal() else value
