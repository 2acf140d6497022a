"""The needs of an app away from this machine: distributions, files, servers and variables, read from its turnout.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from turnout.commands.paths import display_path
from turnout.errors import ConfigurationError
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.settings import LoadedModel, LoadedSettings, load_settings
from turnout.settings.variables import Variable

UNSET = "unset"
"""The value of a variable without a default, while the file is read here."""


@dataclass(frozen=True, slots=True)
class ModelNeeds:
    """The backends of one model.

    Attributes:
        name: the model's name.
        serving: the backend that serves it.
        backends: the backends that may get its requests: the serving one, its fallback, its canary, its shadow.
        remote: those backends of the file, whether they get requests or not, that call a server.
        options: the options of each backend as written, with the defaults of variables; they may contain credentials.
        queues: True if requests wait for a batch in the process of the app.
    """

    name: str
    serving: str
    backends: tuple[str, ...]
    remote: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]] = field(repr=False)
    queues: bool


@dataclass(frozen=True, slots=True)
class AppNeeds:
    """The needs of an app.

    Attributes:
        source: its turnout.yaml as the user named it.
        folder: the folder of that file.
        text: the text of the file.
        models: its models, by name.
        pipelines: the names of its pipelines.
        variables: the variables of the environment that the file names.
        distributions: the distributions with its plugins, with versions: ``turnout-vision 0.1.0``.
        files: the files and folders of its options in ``folder``, as POSIX paths from there; none is inside another.
        outside: those that are not in ``folder``.
    """

    source: str
    folder: Path
    text: str = field(repr=False)
    models: tuple[ModelNeeds, ...]
    pipelines: tuple[str, ...]
    variables: tuple[Variable, ...]
    distributions: tuple[str, ...]
    files: tuple[str, ...]
    outside: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The name of turnout.yaml, which may be another one."""
        return Path(self.source).name


def read_app_needs(config: Path, values: Mapping[str, str]) -> AppNeeds:
    """Return the needs of the app of a turnout.yaml, with ``values`` for its variables; this environment has no part in it.

    Opens no model.

    Raises:
        SettingsError: the file is wrong.
        ConfigurationError: it cannot be read, names no model, or has a credential in it.
        UnknownNameError: ``values`` names a variable that the file does not have.
    """
    plugins = find_plugins()
    loaded = _load(config, plugins, values)
    _check(loaded, config)
    models = tuple(_model_needs(plugins, model) for model in loaded.models.values())
    files, outside = _files(loaded, plugins, models)
    return AppNeeds(
        str(config),
        loaded.folder,
        loaded.text,
        models,
        tuple(loaded.settings.pipelines),
        loaded.variables(),
        tuple(sorted(set(_distributions(loaded, plugins, models)))),
        files,
        outside,
    )


def _load(config: Path, plugins: Plugins, values: Mapping[str, str]) -> LoadedSettings:
    # Read twice: the first time shows which variables have no default.
    from turnout.settings.document.source import document_of_file
    from turnout.settings.variables import variables_of

    named = variables_of(document_of_file(config), frozenset())
    known = {variable.name for variable in named}
    if unknown := [name for name in values if name not in known]:
        listed = ", ".join(sorted(known)) or "none"
        raise ConfigurationError(
            f"{str(config)!r} has no variable {unknown[0]!r}; it has: {listed}. Correct the name, or write it there"
        )
    missing = {variable.name: UNSET for variable in named if variable.default is None}
    return load_settings(config, registry=plugins, environment=missing | dict(values))


def _check(loaded: LoadedSettings, config: Path) -> None:
    if not loaded.models:
        raise ConfigurationError(f"{str(config)!r} has no model", next_step=f"add a model to {config}")
    if found := loaded.credentials():
        raise ConfigurationError(
            f"a credential is written at {', '.join(found)}, and what is deployed would contain it; write a variable there, "
            "such as 'Bearer ${TOKEN}', whose value stays outside"
        )


def _model_needs(plugins: Plugins, model: LoadedModel) -> ModelNeeds:
    backends = tuple(dict.fromkeys((model.backend, *model.settings.other_backends().values())))
    remote = tuple(name for name in model.options if plugins.backend(name).remote)
    backend = plugins.backend(model.backend)
    queues = model.settings.dynamic_batching is not None and not backend.batches
    return ModelNeeds(model.name, model.backend, backends, remote, model.settings.backends, queues)


def _distributions(loaded: LoadedSettings, plugins: Plugins, models: tuple[ModelNeeds, ...]) -> Iterator[str]:
    """Yield the distributions of the backends that may get requests, of clients, and of steps.

    A client is small, and with it a model is moved to its server by one line.
    """
    owners = {info.name: info.distribution for info in plugins.infos}
    declared = plugins.declarations_of("turnout_backends")
    for model in models:
        yield from (owners[declared[name].plugin] for name in (*model.backends, *model.remote))
    steps = plugins.declarations_of("turnout_steps")
    for pipeline in loaded.settings.pipelines:
        yield from (owners[steps[step.kind].plugin] for step in loaded.settings.steps_of(pipeline).values())


def _files(loaded: LoadedSettings, plugins: Plugins, models: tuple[ModelNeeds, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the files that the app reads itself: those of its models in process, and those that its steps read of others."""
    read_by_steps = {
        option
        for pipeline in loaded.settings.pipelines
        for step in loaded.settings.steps_of(pipeline).values()
        for option in plugins.step(step.kind).model_options
    }
    values: list[Any] = []
    for model in models:
        for backend, options in model.options.items():
            in_process = backend in model.backends and backend not in model.remote
            values += [value for name, value in options.items() if in_process or name in read_by_steps]
    for pipeline in loaded.settings.pipelines:
        values += [value for step in loaded.settings.steps_of(pipeline).values() for value in step.options.values()]
    return _places(loaded.folder, values)


def _places(folder: Path, values: list[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    inside: set[PurePosixPath] = set()
    outside: set[str] = set()
    for value in values:
        with suppress(OSError, ValueError):
            if isinstance(value, str) and value and value != UNSET and (folder / value).exists():
                shown = display_path(folder / value, folder)
                is_inside = not Path(shown).is_absolute()
                inside.update([PurePosixPath(shown)] if is_inside else [])
                outside.update([] if is_inside else [value])
    # A folder brings what is in it.
    outer = {path for path in inside if not any(parent in inside for parent in path.parents)}
    return tuple(sorted(map(str, outer))), tuple(sorted(outside))
