"""The step back of one recorded switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.commands.switch.history import RecordedSwitch
from turnout.commands.switch.traffic import SWITCHED, traffic_of
from turnout.errors import ConfigurationError
from turnout.settings.edit.block import merge_lines, model_lines
from turnout.settings.edit.file_edit import FileEdit
from turnout.settings.registry import Registry


@dataclass(frozen=True, slots=True)
class Undo:
    """The result of undoing a switch.

    Attributes:
        file: the file, as the user named it.
        model: the model.
        before: the backend that served it.
        after: the backend that serves it again.
        line: the number of the line.
        diff: the changed lines as a unified diff.
        at: the UTC time of the switch.
        versions: the version that turnout.yaml chose before and after, if that changed; empty for the version policy's.
    """

    file: str
    model: str
    before: str
    after: str
    line: int
    diff: str
    at: str
    versions: tuple[str, str] | None = None

    def __str__(self) -> str:
        moved = f"was on {self.before!r}, is on {self.after!r} now" if self.before != self.after else f"stays on {self.after!r}"
        if self.versions is not None:
            before, after = (f"version {one}" if one else "the version of its version policy" for one in self.versions)
            moved += f", is on {after} again instead of {before}"
        return f"{self.file}:{self.line}: model {self.model!r} {moved}; the switch of {self.at} is undone\n{self.diff}"


def edit_back(edit: FileEdit, history: Sequence[RecordedSwitch], registry: Registry | None) -> Undo:
    """Undo the last switch of ``history`` in ``edit``; other edits of the model since then stay.

    Raises:
        UnknownNameError: ``registry`` no longer has the backend.
        ConfigurationError: no switch is recorded, or the file was edited since so that the undo would lose something.
    """
    if not history:
        raise edit.error(
            "no switch of it is recorded beside this file, so --back has nothing to undo; name the backend instead",
            "name a backend instead of --back",
        )
    switch = history[-1]
    present = traffic_of(edit, registry)
    if present.keys != switch.after.keys:
        found, left = (_keys_text(keys) for keys in (present.keys, switch.after.keys))
        raise edit.error(
            f"it has {found}, the last switch left {left}: --back would lose that edit; name the backend instead",
            "name a backend instead of --back",
        )
    if switch.before.backend:
        edit.check_backend(switch.before.backend, registry)
    merged = merge_lines(switch.after.lines, present.lines, switch.before.lines)
    if merged is None:
        raise edit.error(
            "its lines were edited by hand since the last switch, and --back would lose that; name the backend instead",
            "name a backend instead of --back",
        )
    _replace_lines(edit, merged, switch)
    line = edit.document.mark_of_key(("models", edit.model, "backend")).line
    left, chosen = (str(traffic.keys.get("version", "")) for traffic in (present, switch.before))
    versions = (left, chosen) if left != chosen else None
    serving = edit.serving_backend(registry)
    return Undo(edit.source, edit.model, present.backend, serving, line, edit.diff(), switch.at, versions)


def _replace_lines(edit: FileEdit, lines: str, switch: RecordedSwitch) -> None:
    text, values = edit.document.text, edit.document.values
    start, end = model_lines(edit.document, edit.model)
    kept = {key: value for key, value in values["models"][edit.model].items() if key not in SWITCHED}
    models = values["models"] | {edit.model: kept | dict(switch.before.keys)}
    try:
        edit.replace_text(text[:start] + lines + text[end:], values | {"models": models})
    except ConfigurationError:
        raise edit.error("the lines around it were edited since the last switch; edit it by hand") from None


def _keys_text(keys: object) -> str:
    return ", ".join(f"{key}: {value}" for key, value in dict(keys).items()) or "no backend"  # type: ignore[call-overload]
