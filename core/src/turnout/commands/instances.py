"""Instances of a model in this process: against the cores of this machine, and against a server that the model may move to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from turnout.commands.check_result import CheckResult
from turnout.errors import count_of
from turnout.plugins.declarations import Backend
from turnout.plugins.discovery import Plugins
from turnout.plugins.instances import InstanceGroup
from turnout.settings import LoadedModel

_OPTION = "instance_group"


def instance_groups(model: LoadedModel, backend: str) -> tuple[InstanceGroup, ...]:
    """Return the instance groups of ``model`` on ``backend``; none for a backend that has no such option."""
    groups = getattr(model.options.get(backend), _OPTION, ())
    return tuple(group for group in groups if isinstance(group, InstanceGroup)) if isinstance(groups, tuple) else ()


def check_instances(plugins: Plugins, model: LoadedModel) -> Iterator[CheckResult]:
    """Yield a finding for each backend with instances, and a note for each server that would run only one."""
    for backend in model.settings.backends:
        if groups := instance_groups(model, backend):
            text = f"{backend}: {', '.join(map(str, groups))}"
            problem = _oversubscription(plugins.backend(backend), model, groups)
            yield CheckResult("instances", model.name, True, f"{text}{problem}", note=bool(problem))
    for backend in model.settings.backends:
        for note in server_notes(plugins, model, backend):
            yield CheckResult("instances", model.name, True, note, note=True)


def server_notes(plugins: Plugins, model: LoadedModel, server: str) -> Iterator[str]:
    """Yield a line if ``server`` has an option for instances that is not set, while the model has instances in this process.

    They are not copied to the server, which may be another machine, with GPUs.
    """
    if server not in model.options:
        return
    place = next((option for option in plugins.backend(server).tuning if option.endswith(f".{_OPTION}")), "")
    if not place or _is_written(model.settings.backends.get(server, {}), place):
        return
    for backend in model.settings.backends:
        if groups := instance_groups(model, backend):
            yield (
                f"{backend!r} has {', '.join(map(str, groups))}, and {server!r} has no {place}: its server runs one instance, "
                f"unless its own configuration says more; write {_OPTION}: {_as_yaml(groups)}, or [{{count: 1}}], under "
                f"backends.{server}.{place.removesuffix(f'.{_OPTION}')}"
            )
            return


def _oversubscription(backend: Backend[Any], model: LoadedModel, groups: tuple[InstanceGroup, ...]) -> str:
    """Return what is wrong if the instances on the CPU have more threads than this machine has cores; else an empty text."""
    option, cores = backend.threads_option, _count_cores()
    count = sum(group.count for group in groups if group.kind == "KIND_CPU")
    given = getattr(model.options[backend.name], option, None) if option else None
    threads = count * (given or cores)
    if not option or count < 2 or threads <= cores:
        return ""
    each = f"{option}: {given}" if given else f"no {option}, so one thread for each core"
    advice = f"write '{option}: {max(1, cores // count)}'" + (f" and a count of {cores} at most" if count > cores else "")
    return f"; each has {each}, which makes {threads} threads on {count_of(cores, 'core')}; {advice}"


def _count_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_written(options: Mapping[str, Any], place: str) -> bool:
    value: Any = options
    for key in place.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True


def _as_yaml(groups: tuple[InstanceGroup, ...]) -> str:
    entries = []
    for group in groups:
        gpus = f", gpus: [{', '.join(map(str, group.gpus))}]" if group.gpus else ""
        entries.append(f"{{kind: {group.kind}, count: {group.count}{gpus}}}")
    return f"[{', '.join(entries)}]"
