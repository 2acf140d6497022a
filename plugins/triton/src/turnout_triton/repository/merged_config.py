"""The config that replaces an existing config.pbtxt: what turnout.yaml says, merged into what is there.

turnout.yaml has words for a part of Triton's ModelConfig. The merge writes that part into a copy of the present message, so
everything else survives, also fields that nothing here knows. A hand-written file may say three things that turnout.yaml could
say and does not: parameters, optimization and warm-up requests. They are kept too, and the generated file lists them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from turnout import DynamicBatching
from turnout.errors import ExportError
from turnout_triton.model_config_options import InstanceGroup, Optimization
from turnout_triton.repository.config_entries import SCHEDULING, entries_of, unsaid_entries
from turnout_triton.repository.config_file import ConfigFile, copy_of
from turnout_triton.repository.generated_config import GeneratedConfig
from turnout_triton.repository.layout import CONFIG

_SCALARS = ("name", "platform", "backend", "max_batch_size", "default_model_filename")
_GROUP = frozenset(InstanceGroup.model_fields)
_OPTIMIZATION = frozenset(Optimization.model_fields)
_BATCHING = frozenset(one.name for one in fields(DynamicBatching))
_TENSOR = frozenset({"name", "data_type", "dims"})


@dataclass(frozen=True, slots=True)
class MergedConfig:
    """A ModelConfig of turnout.yaml and of the file that it replaces.

    Attributes:
        config: the ModelConfig.
        kept: the entries that turnout.yaml does not say.
    """

    config: Any
    kept: tuple[str, ...] = ()


@dataclass(slots=True)
class _Merge:
    """A merge of ``new`` into ``config``, a copy of the present file's.

    Attributes:
        model: the model in turnout.yaml, for messages.
        new: the generated config.
        config: the result so far.
        earlier: the entries of a generated file that are kept; None if the file was written by hand, where all are.
        kept: the entries kept so far.
    """

    model: str
    new: GeneratedConfig
    config: Any
    earlier: tuple[str, ...] | None
    kept: list[str] = field(default_factory=list)

    def keeps(self, name: str) -> bool:
        """Return whether an entry that turnout.yaml could say, and does not, is kept."""
        if self.earlier is not None and name not in self.earlier:
            return False
        self.kept.append(name)
        return True


def merge_config(generated: GeneratedConfig, present: ConfigFile | None, model: str) -> MergedConfig:
    """Return ``generated`` with what ``present`` says and turnout.yaml has no words for.

    Raises:
        ExportError: the two contradict each other.
    """
    if present is None:
        return MergedConfig(generated.config)
    base = copy_of(present.config)
    merge = _Merge(model, generated, base, present.kept if present.generated else None)
    for name in _SCALARS:
        if getattr(generated.config, name) or name == "max_batch_size":
            setattr(base, name, getattr(generated.config, name))
    if generated.config.platform and not generated.config.backend:
        base.ClearField("backend")
    base.version_policy.CopyFrom(generated.config.version_policy)
    _merge_scheduling(merge)
    for kind in ("input", "output"):
        _merge_tensors(merge, kind)
    _merge_groups(merge)
    _merge_optimization(merge)
    _merge_warmup(merge)
    _merge_parameters(merge)
    return MergedConfig(base, (*merge.kept, *_unsaid(base)))


def _unsaid(config: Any) -> Iterable[str]:
    prefixes = unsaid_entries(config)
    return (name for name in entries_of(config, "") if name.startswith(prefixes))


def _overlay(target: Any, source: Any, names: Iterable[str]) -> None:
    """Write the fields ``names`` of ``source`` into ``target``, whose other fields stay."""
    for name in names:
        target.ClearField(name)
    part = copy_of(source)
    for found, _ in source.ListFields():
        if found.name not in names:
            part.ClearField(found.name)
    target.MergeFrom(part)


def _merge_scheduling(merge: _Merge) -> None:
    """Merge dynamic batching and an ensemble's wiring, and refuse two kinds of scheduling at once."""
    new, config = merge.new.config, merge.config
    if new.ensemble_scheduling.step:
        config.ensemble_scheduling.CopyFrom(new.ensemble_scheduling)
    elif config.HasField(SCHEDULING) and not merge.keeps(SCHEDULING):
        config.ClearField(SCHEDULING)
    if not new.HasField("dynamic_batching"):
        config.ClearField("dynamic_batching")
        return
    other = config.WhichOneof("scheduling_choice")
    if other not in (None, "dynamic_batching"):
        raise ExportError(
            f"model {merge.model!r}: turnout.yaml says dynamic_batching, and {CONFIG} says {other}, which turnout.yaml cannot "
            f"say; Triton accepts one of them: remove dynamic_batching from turnout.yaml, or {other} from {CONFIG}"
        )
    _overlay(config.dynamic_batching, new.dynamic_batching, _BATCHING)
    config.dynamic_batching.SetInParent()


def _merge_tensors(merge: _Merge, kind: str) -> None:
    """Merge inputs or outputs by name; an optional input, which turnout.yaml cannot declare, stays."""
    new, present = getattr(merge.new.config, kind), getattr(merge.config, kind)
    if not new:
        return
    theirs = {tensor.name: tensor for tensor in present}
    merged = {tensor.name: _merge_tensor(merge, kind, tensor, theirs.get(tensor.name)) for tensor in new}
    optional = {name: tensor for name, tensor in theirs.items() if kind == "input" and tensor.optional and name not in merged}
    in_place = [name for name in theirs if name in merged or name in optional]
    order = in_place if merged.keys() <= theirs.keys() else [*merged, *optional]
    tensors = [(merged | optional)[name] for name in order]
    copies = [copy_of(tensor) for tensor in tensors]
    merge.config.ClearField(kind)
    getattr(merge.config, kind).extend(copies)


def _merge_tensor(merge: _Merge, kind: str, new: Any, present: Any) -> Any:
    if present is None:
        return new
    same_dims = list(present.dims) == list(new.dims)
    left_open = kind == "input" and not merge.new.declares_inputs
    if left_open and _is_narrower(present, new) and merge.keeps(f"{kind} {new.name!r}"):
        return present
    _overlay(present, new, _TENSOR)
    if new.HasField("reshape"):
        present.reshape.CopyFrom(new.reshape)
    elif present.HasField("reshape") and not same_dims:
        raise ExportError(
            f"model {merge.model!r}: {CONFIG} reshapes {kind} {new.name!r} to {list(present.reshape.shape)}, and turnout.yaml "
            f"declares it as {list(new.dims)}, which is not what is reshaped there; correct one of them"
        )
    return present


def _is_narrower(present: Any, new: Any) -> bool:
    """Return whether ``present`` fixes sizes that ``new`` leaves free."""
    pairs = list(zip(present.dims, new.dims, strict=False))
    fits = len(present.dims) == len(new.dims) and all(free in (-1, size) for size, free in pairs)
    return fits and present.data_type == new.data_type and any(free != size for size, free in pairs)


def _merge_groups(merge: _Merge) -> None:
    """Merge instance groups by position; where both say nothing, Triton's default stays."""
    config = merge.config
    if merge.new.default_group and (not config.instance_group or config.HasField(SCHEDULING)):
        return
    new = merge.new.config.instance_group
    if new and config.HasField(SCHEDULING):
        raise ExportError(
            f"model {merge.model!r}: {CONFIG} is an ensemble, which runs no model of its own, so Triton accepts no "
            "instance_group for it; move it to the models of the ensemble"
        )
    del config.instance_group[len(new) :]
    for group, present, given in zip(new, config.instance_group, merge.new.given_groups, strict=False):
        _merge_group(merge, group, present, given)
    config.instance_group.extend(new[len(config.instance_group) :])


def _merge_group(merge: _Merge, new: Any, present: Any, given: frozenset[str]) -> None:
    """Merge an instance group; what turnout.yaml omits stays as in a hand-written file, but for the count, which is one."""
    omitted = [found.name for found, _ in present.ListFields() if found.name in _GROUP - given - {"count"}]
    names = _GROUP - set(omitted) if omitted and merge.keeps("instance_group") else _GROUP
    left_open = not present.count and "count" not in given
    _overlay(present, new, names)
    if left_open:
        present.ClearField("count")


def _merge_optimization(merge: _Merge) -> None:
    new, config = merge.new.config, merge.config
    if new.HasField("optimization"):
        _overlay(config.optimization, new.optimization, _OPTIMIZATION)
        return
    said = [found.name for found, _ in config.optimization.ListFields() if found.name in _OPTIMIZATION]
    if said and not merge.keeps("optimization"):
        for name in said:
            config.optimization.ClearField(name)


def _merge_warmup(merge: _Merge) -> None:
    new, config = merge.new.config, merge.config
    if new.model_warmup or (config.model_warmup and not merge.keeps("model_warmup")):
        config.ClearField("model_warmup")
        config.model_warmup.extend(new.model_warmup)


def _merge_parameters(merge: _Merge) -> None:
    new, config = merge.new.config, merge.config
    for name in list(config.parameters):
        if name not in new.parameters and not merge.keeps(f"parameter {name!r}"):
            del config.parameters[name]
    for name, parameter in new.parameters.items():
        config.parameters[name].CopyFrom(parameter)
