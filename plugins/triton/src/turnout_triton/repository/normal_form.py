"""The normal form of a model config: what a reader may leave out, because Triton assumes it, is left out.

A server writes its defaults into the config that it reports. Two configs that ask for the same have one normal form.
"""

from __future__ import annotations

from typing import Any

from turnout_triton.repository.config_file import copy_of
from turnout_triton.repository.layout import TRITON_PLATFORMS
from turnout_triton.repository.model_backend import named_backend

# TensorFlow's backend has two platforms, so its name does not say which.
_PLATFORMS = {one.backend: one.platform for one in TRITON_PLATFORMS.values() if one.platform and one.backend != "tensorflow"}
_MAX_IDLE_MICROSECONDS = 1_000_000
_PRESENCE_COUNTS = frozenset({"reshape", "input_pinned_memory", "output_pinned_memory"})
"""Messages whose empty form means something else than their absence, beside those of a oneof."""


def normal_form(config: Any) -> Any:
    """Return a copy of the ModelConfig ``config`` without what Triton assumes."""
    found = copy_of(config)
    if _is_default_file(found):
        found.ClearField("default_model_filename")
    for position, group in enumerate(found.instance_group):
        if group.name in (found.name, f"{found.name}_{position}"):
            group.ClearField("name")
    for tensor in (*found.input, *found.output):
        if tensor.HasField("reshape") and list(tensor.reshape.shape) == list(tensor.dims):
            tensor.ClearField("reshape")
    _clear_pinned_memory(found.optimization)
    _clear_preferred_size(found.dynamic_batching, found)
    if found.HasField("sequence_batching"):
        _clear_sequence_defaults(found.sequence_batching, found)
    _prune(found)
    return found


def _is_default_file(config: Any) -> bool:
    """Return whether ``default_model_filename`` is the file that the platform has anyway."""
    known = TRITON_PLATFORMS.get(config.default_model_filename)
    return known is not None and known.backend == named_backend(config) and known.platform in ("", platform_of(config))


def platform_of(config: Any) -> str:
    """Return the platform; newer configs name only the backend."""
    return str(config.platform or _PLATFORMS.get(config.backend, config.backend))


def _clear_pinned_memory(optimization: Any) -> None:
    for name in ("input_pinned_memory", "output_pinned_memory"):
        if optimization.HasField(name) and getattr(optimization, name).enable:
            optimization.ClearField(name)


def _clear_preferred_size(batching: Any, config: Any) -> None:
    """Clear the preferred batch size that the server fills in: the largest."""
    if list(batching.preferred_batch_size) == [config.max_batch_size]:
        batching.ClearField("preferred_batch_size")


def _clear_sequence_defaults(batching: Any, config: Any) -> None:
    if batching.max_sequence_idle_microseconds == _MAX_IDLE_MICROSECONDS:
        batching.ClearField("max_sequence_idle_microseconds")
    if batching.HasField("oldest"):
        _clear_preferred_size(batching.oldest, config)
    if batching.HasField("direct") and not batching.direct.ListFields():
        batching.ClearField("direct")


def _prune(message: Any) -> None:
    """Clear the empty messages inside ``message`` that mean the same as none."""
    for field, value in list(message.ListFields()):
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        if not hasattr(value, "ListFields"):
            for part in value:
                _prune(part)
            continue
        _prune(value)
        if not (value.ListFields() or field.containing_oneof or field.name in _PRESENCE_COUNTS):
            message.ClearField(field.name)
