"""The defaults that a server fills into the config of a model, undone where config.pbtxt leaves them open.

Rules of Triton's core (2.51): a model without an instance group gets one; KIND_AUTO becomes KIND_GPU where the backend can use
one, else KIND_CPU; a group without a count gets one instance, or two of an ONNX or TensorFlow model on a CPU; a group on GPUs
without a list gets all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from turnout_triton.repository.config_file import copy_of, new_config
from turnout_triton.repository.model_backend import named_backend
from turnout_triton.repository.normal_form import normal_form

_TWO_ON_CPU = frozenset({"onnxruntime", "tensorflow"})
_ONE = frozenset({"pytorch", "python"})


def as_asked(running: Any, asked: Any) -> Any:
    """Return the config ``running`` of a server, where what it filled in is as open as in ``asked``."""
    found, asked = normal_form(running), normal_form(asked)
    if not asked.runtime:
        found.ClearField("runtime")
    for kind in ("input", "output"):
        _restore_reshapes(getattr(found, kind), getattr(asked, kind))
    groups = list(asked.instance_group) or [_any_group()]
    matches = len(groups) == len(found.instance_group) and all(
        _is_filled_in(given, group, named_backend(found)) for given, group in zip(groups, found.instance_group, strict=True)
    )
    if matches:
        found.ClearField("instance_group")
        found.instance_group.extend(asked.instance_group)
    return found


def _restore_reshapes(running: Iterable[Any], asked: Iterable[Any]) -> None:
    """Add the empty reshape that Turnout's own server omits from a tensor that it completed: a Python backend cannot set it."""
    shapeless = {tensor.name: list(tensor.dims) for tensor in asked if tensor.HasField("reshape") and not tensor.reshape.shape}
    for tensor in running:
        if not tensor.HasField("reshape") and shapeless.get(tensor.name) == list(tensor.dims):
            tensor.reshape.SetInParent()


def _any_group() -> Any:
    return new_config().instance_group.add()


def _is_filled_in(asked: Any, running: Any, backend: str) -> bool:
    """Return whether a server makes the instance group ``running`` of ``asked``."""
    kinds = type(running)
    if asked.kind not in (kinds.KIND_AUTO, running.kind):
        return False
    if asked.count not in (0, running.count) or (not asked.count and not _is_default_count(running, backend)):
        return False
    open_fields = [name for name in ("kind", "count", "gpus") if not getattr(asked, name)]
    rest = [copy_of(group) for group in (asked, running)]
    for group in rest:
        for name in open_fields:
            group.ClearField(name)
    return bool(rest[0] == rest[1])


def _is_default_count(group: Any, backend: str) -> bool:
    if backend in _TWO_ON_CPU:
        return bool(group.count == (2 if group.kind == type(group).KIND_CPU else 1))
    return group.count == 1 or backend not in _ONE  # other backends name their own
