"""A switch from the command line: edited in memory, judged, written, recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.commands.switch.guard import Move, check_switch
from turnout.commands.switch.history import RecordedSwitch, read_history, write_history
from turnout.commands.switch.traffic import Serving, serving_of, traffic_of
from turnout.commands.switch.undo import Undo, edit_back
from turnout.commands.switch.version_guard import check_version_switch
from turnout.files.lock import file_lock
from turnout.files.state_folder import make_state_folder
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.repository.evidence import utc_now
from turnout.settings.edit.backend import BackendSwitch, edit_backend
from turnout.settings.edit.file_edit import FileEdit
from turnout.settings.edit.version import VersionSwitch, edit_version
from turnout.settings.edit.weight import WeightSwitch, edit_weight


@dataclass(frozen=True, slots=True)
class SwitchRequest:
    """A switch that a user asks for.

    Attributes:
        model: the model.
        backend: the backend; None to undo the last switch, or to choose a version.
        weight: the share of the requests; None for all of them.
        force: also switch to a backend that is not proved.
        dry_run: write nothing.
        version: the version of the model repository; None to switch the backend.
    """

    model: str
    backend: str | None
    weight: float | None = None
    force: bool = False
    dry_run: bool = False
    version: int | None = None


@dataclass(frozen=True, slots=True)
class SwitchReport:
    """The result of a switch: the edit, and the backends that serve afterwards."""

    change: BackendSwitch | WeightSwitch | VersionSwitch | Undo
    serving: Serving
    dry_run: bool

    def lines(self) -> Iterator[str]:
        """Yield what a user reads."""
        if self.dry_run:
            yield "dry run: nothing was written"
        yield str(self.change)
        yield from self.serving.lines(self.change.model)

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        change = self.change
        place = {"model": change.model, "file": change.file, "line": change.line, "diff": change.diff}
        return place | {"changed": bool(change.diff), "dry_run": self.dry_run, "serves": self.serving.as_json()}


def switch_file(file: Path, request: SwitchRequest, *, warn: Callable[[str], None]) -> SwitchReport:
    """Switch a model of the settings ``file``, and record it for ``--back``.

    ``warn`` is called with what does not stop the switch: a backend that is not proved, in a step back or a forced switch, or a
    record that cannot be written.

    Raises:
        UnprovedError: a backend would get a larger share, or another version, and is not proved to give the same answers.
        ModelLoadError: a file of that backend is missing.
        BackendUnavailableError: its server cannot be reached.
        UnknownNameError: there is no such model or backend.
        ConfigurationError: the file cannot be edited or written; it is unchanged.
    """
    plugins = find_plugins()
    folder = file.absolute().parent
    FileEdit(file, request.model)  # a misspelled model leaves no state folder behind
    with _lock(folder):
        edit = FileEdit(file, request.model)
        history = read_history(folder, request.model)
        before = traffic_of(edit, plugins)
        serving = serving_of(edit, plugins)
        change = _edit(edit, request, history, plugins)
        report = SwitchReport(change, serving_of(edit, plugins), request.dry_run)
        if not change.diff:
            return report
        move = Move(serving, report.serving, history)
        check_switch(plugins, file, request.model, move, warn, force=request.force)
        if serving.version != report.serving.version:
            is_back = isinstance(change, Undo)
            check_version_switch(plugins, file, request.model, move, warn, force=request.force, is_back=is_back)
        if request.dry_run:
            return report
        edit.write()
        switch = RecordedSwitch(utc_now(), before, traffic_of(edit, plugins))
        _record(folder, request.model, history[:-1] if isinstance(change, Undo) else (*history, switch), warn)
    return report


def _edit(
    edit: FileEdit, request: SwitchRequest, history: tuple[RecordedSwitch, ...], plugins: Plugins
) -> BackendSwitch | WeightSwitch | VersionSwitch | Undo:
    if request.version is not None:
        return edit_version(edit, request.version)
    if request.backend is None:
        return edit_back(edit, history, plugins)
    if request.weight is None:
        return edit_backend(edit, request.backend, plugins)
    return edit_weight(edit, request.backend, request.weight, plugins)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the lock on the records, so that two switches at once do not lose one; without a state folder, none."""
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(file_lock(make_state_folder(folder) / "switch.lock"))
        yield


def _record(folder: Path, model: str, history: tuple[RecordedSwitch, ...], warn: Callable[[str], None]) -> None:
    try:
        write_history(folder, model, history)
    except OSError as error:
        warn(f"the switch cannot be recorded, so --back cannot undo it: {error}")
