"""The switches of a model, newest last, in ``.turnout/<model>.switch.json``: what ``--back`` undoes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from turnout.commands.switch.traffic import SWITCHED, Traffic
from turnout.files.atomic import write_atomic
from turnout.files.state_folder import STATE, check_format, make_state_folder, read_state

FORMAT = 1
KEPT = 50
"""How many switches of a model are kept."""


@dataclass(frozen=True, slots=True)
class RecordedSwitch:
    """One switch: its time in UTC, and the traffic before and after it."""

    at: str
    before: Traffic
    after: Traffic


def read_history(folder: Path, model: str) -> tuple[RecordedSwitch, ...]:
    """Return the switches of ``model``; empty if there are none, or if this version of Turnout cannot read them."""
    return read_state(_file(folder, model), _decode) or ()


def _decode(content: Any) -> tuple[RecordedSwitch, ...]:
    check_format(content, FORMAT)
    return tuple(RecordedSwitch(str(one["at"]), _traffic(one["before"]), _traffic(one["after"])) for one in content["switches"])


def _traffic(values: Mapping[str, Any]) -> Traffic:
    """Return what a switch wrote.

    Raises:
        KeyError, TypeError, ValueError: a switch wrote something else; ``--back`` would write other keys into turnout.yaml.
    """
    if not isinstance(values["keys"], dict):
        raise TypeError("no keys")
    if not values["keys"].keys() <= set(SWITCHED):
        raise ValueError("other keys than those of a switch")
    return Traffic(values["keys"], str(values["backend"]), str(values["lines"]))


def write_history(folder: Path, model: str, switches: Sequence[RecordedSwitch]) -> None:
    """Write the newest of ``switches``.

    Raises:
        OSError: the folder or the disk refuses; the previous record stays.
    """
    content = {"format": FORMAT, "model": model, "switches": [asdict(one) for one in switches[-KEPT:]]}
    make_state_folder(folder)
    write_atomic(_file(folder, model), json.dumps(content, indent=2).encode())


def former_backends(history: Sequence[RecordedSwitch], present: str) -> frozenset[str]:
    """Return the backends that the switches so far came from: a step back to one of them is a rollback.

    A backend that was left by a rollback is not one of them.
    """
    path: list[str] = []
    for switch in history:
        for backend in (switch.before.backend, switch.after.backend):
            path = path[: path.index(backend)] if backend in path else path
            path.append(backend)
    return frozenset(path[: path.index(present)] if present in path else path)


def former_versions(history: Sequence[RecordedSwitch], present: str) -> frozenset[str]:
    """Return the versions that the switches so far came from: a step back to one of them is a rollback.

    A version that was left by a rollback is not one of them.
    """
    path: list[str] = []
    for switch in history:
        for version in (str(traffic.keys.get("version", "")) for traffic in (switch.before, switch.after)):
            path = path[: path.index(version)] if version in path else path
            path.append(version)
    return frozenset(path[: path.index(present)] if present in path else path)


def _file(folder: Path, model: str) -> Path:
    return folder / STATE / f"{model}.switch.json"
