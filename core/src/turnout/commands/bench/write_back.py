"""Writing of what a run recommends: into turnout.yaml, and into the configuration of the model's repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.commands.bench.arms import INSTANCE_GROUP, instance_groups
from turnout.commands.bench.recommendation import Recommendation
from turnout.commands.export import export_configuration
from turnout.commands.paths import display_path
from turnout.commands.repository_folder import find_model_folder
from turnout.errors import ConfigurationError, ExportError, SettingsError, text_of
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.plugins.known import install_commands
from turnout.repository.versions import versions
from turnout.settings import LoadedSettings, load_settings
from turnout.settings.edit.file_edit import FileEdit

_BATCHING, _DELAY = "dynamic_batching", "max_queue_delay_microseconds"


@dataclass(frozen=True, slots=True)
class Written:
    """The result of writing a recommendation.

    Attributes:
        file: turnout.yaml, as the user named it.
        diff: its changed lines as a unified diff; empty if it is unchanged.
        configuration: the files of the model's repository that were written.
        notes: messages for the user, such as why a configuration was not written.
    """

    file: str
    diff: str
    configuration: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self, model: str) -> Iterator[tuple[str, str]]:
        """Yield a kind and a text for each thing that the user should know."""
        if not self.diff:
            yield "note", f"{self.file} has the settings that are recommended for {model} already"
        for line in self.diff.splitlines():
            yield "wrote", line
        for name in self.configuration:
            yield "wrote", name
        for note in self.notes:
            yield "note", note
        if self.diff:
            yield (
                "note",
                f"what was proved of {model} was proved with the former settings; compare again: turnout verify {model}",
            )


def check_writable(file: Path, model: str) -> None:
    """Raise an error if ``model`` cannot be edited in turnout.yaml, or is no model; before a long run."""
    FileEdit(file, model, "tune")


def write_recommendation(file: Path, model: str, recommended: Recommendation) -> Written:
    """Write ``recommended`` into ``file``, comments kept, and into the configuration of the model's repository, if it has one.

    The edited file is read again and checked before it replaces the old one.

    Raises:
        ConfigurationError: the file cannot be edited or written, or would be wrong; it is unchanged.
    """
    plugins = find_plugins()
    loaded = load_settings(file, registry=plugins)
    edit = FileEdit(file, model, "tune")
    _set_batching(edit, recommended)
    if recommended.instances is not None:
        _set_instances(edit, plugins, loaded, recommended.instances)
    diff = edit.diff()
    if not diff:
        return Written(edit.source, "")
    _check(edit, plugins)
    edit.write()
    # Instances are of this process: a configuration has its own.
    changed = load_settings(file, registry=plugins)
    if recommended.batching is None and recommended.delay is None:
        return Written(edit.source, diff)
    return Written(edit.source, diff, *_write_configuration(plugins, changed, model))


def _set_batching(edit: FileEdit, recommended: Recommendation) -> None:
    present = edit.document.value_at(("models", edit.model, _BATCHING))
    if recommended.batching is False:
        edit.remove(_BATCHING)
    elif recommended.delay is not None and isinstance(present, dict):
        edit.set((_BATCHING, _DELAY), str(recommended.delay), recommended.delay)
    elif recommended.delay is not None:
        edit.set((_BATCHING,), f"{{{_DELAY}: {recommended.delay}}}", {_DELAY: recommended.delay}, below="max_batch_size")
    elif recommended.batching and present is None:
        edit.set((_BATCHING,), "{}", {}, below="max_batch_size")


def _set_instances(edit: FileEdit, plugins: Plugins, loaded: LoadedSettings, count: int) -> None:
    view = loaded.model(edit.model)
    backends: dict[str, Any] = edit.document.value_at(("models", edit.model, "backends"))
    [written] = [name for name in backends if plugins.backend_name(name) == view.backend]
    groups = instance_groups(view.options[view.backend], count)
    text = ", ".join("{" + ", ".join(f"{key}: {value}" for key, value in group.items()) + "}" for group in groups)
    keys = ("backends", written, INSTANCE_GROUP)
    change = edit.set if edit.document.value_at(("models", edit.model, *keys)) is None else edit.replace
    change(keys, f"[{text}]", groups)


def _check(edit: FileEdit, plugins: Plugins) -> None:
    try:
        load_settings(edit.document.values, registry=plugins)
    except SettingsError as error:
        raise ConfigurationError(
            f"the recommended settings of model {edit.model!r} would make {edit.source!r} wrong, so it is unchanged: "
            f"{text_of(error)}"
        ) from error


def _write_configuration(plugins: Plugins, loaded: LoadedSettings, model: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the files of the repository that were written, and notes; turnout.yaml is written already."""
    folder = find_model_folder(loaded, plugins, model)
    if folder is None or not versions(folder):
        return (), ()
    unwritten = f"the configuration in {display_path(folder, Path.cwd())} was not written"
    if not plugins.repositories():
        return (), (f"{unwritten}: no installed plugin writes it; {install_commands('repository')}",)
    try:
        _, configuration = export_configuration(loaded, plugins, model)
    except ExportError as error:
        return (), (f"{unwritten}: {text_of(error)}",)
    return tuple(display_path(folder / name, Path.cwd()) for name in sorted(configuration.files)), configuration.notes
