"""The search for the models of a source: every installed backend and kind of repository is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from turnout.commands.adopt.candidate import Candidate, given_keys
from turnout.commands.adopt.request import AdoptRequest
from turnout.commands.init.model_names import model_names
from turnout.errors import ConfigurationError
from turnout.plugins.discovery import Plugins
from turnout.plugins.known import install_command, install_commands
from turnout.plugins.repositories import RepositoryModel
from turnout.plugins.sources import SourceModel, SourceRequest

_CHECKPOINT = "config.json"
_SOURCES = "give a checkpoint folder or its name on the hub, a model file, 'package.module:function', or a model repository"
_Found = tuple[str, SourceModel, Mapping[str, Any]]
"""The backend that opens a model, the model, and options of other backends."""


def find_candidates(plugins: Plugins, request: AdoptRequest, present: Mapping[str, Any]) -> tuple[list[Candidate], list[str]]:
    """Return the models of the source, and messages. A model that is among ``present``, those of turnout.yaml, keeps its name.

    Raises:
        ConfigurationError: nothing that is installed opens the source, or it cannot be used.
    """
    source = _source_request(request)
    found = [(backend.name, model) for backend in plugins.backends() for model in backend.sources(source)]
    if found:
        models: list[_Found] = [(backend, _with_task(model, request.task), {}) for backend, model in found]
        return _named(models, request, present), [remark for _, model in found for remark in model.remarks]
    path = request.folder / source.path
    if source.path and path.is_dir() and not any(path.iterdir()):
        raise ConfigurationError(f"the folder {request.source!r} is empty; {_SOURCES}", next_step="name another source")
    if source.path and path.is_dir() and plugins.repositories():
        if (path / _CHECKPOINT).is_file():
            raise _no_checkpoint(path)
        return _of_repository(plugins, path, request, present)
    raise _unknown(plugins, request, path if source.path else None)


def _source_request(request: AdoptRequest) -> SourceRequest:
    place = Path(request.source).expanduser()
    try:
        exists = place.exists()
    except OSError:  # a name that is too long for a file
        exists = False
    path = _relative(place, request.folder) if exists else ""
    return SourceRequest(request.source, request.folder, path, request.options)


def _relative(place: Path, folder: Path) -> str:
    whole = place.absolute()
    start = folder if whole.is_relative_to(folder) else folder.resolve()
    return Path(os.path.relpath(whole, start)).as_posix().replace("$", "$$")  # a dollar sign begins a variable


def _with_task(model: SourceModel, task: str | None) -> SourceModel:
    return model if task is None else replace(model, task=task)


def _of_repository(
    plugins: Plugins, path: Path, request: AdoptRequest, present: Mapping[str, Any]
) -> tuple[list[Candidate], list[str]]:
    described = [model for kind in plugins.repositories() for model in kind.describe(path, request.folder)]
    remarks = [f"{model.name}: {remark.replace('{name}', model.name)}" for model in described for remark in model.remarks]
    models = [_described(plugins, model) for model in described if model.settings]
    if not models:
        raise ConfigurationError(f"no model of the repository {request.source!r} can be used: {'; '.join(remarks[:3])}")
    return _named([(backend, _with_task(one, request.task), rest) for backend, one, rest in models], request, present), remarks


def _described(plugins: Plugins, model: RepositoryModel) -> _Found:
    """Return the backend that opens a model of a repository here, before one that needs its server; the model; the others."""
    settings = _plain(model.settings)
    backends: dict[str, Any] = settings.pop("backends")
    backend = min(backends, key=lambda name: plugins.backend(name).remote)
    options = backends.pop(backend)
    return backend, SourceModel(model.name, options, settings, kind="model of a repository"), backends


def _plain(value: Any) -> Any:
    """Return a copy of ``value`` in dicts and lists."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _named(models: Sequence[_Found], request: AdoptRequest, present: Mapping[str, Any]) -> list[Candidate]:
    names = list(_names([(backend, model) for backend, model, _ in models], request.name, present))
    fixed = given_keys(request)
    return [
        Candidate(name, backend, model, others, fixed) for name, (backend, model, others) in zip(names, models, strict=True)
    ]


def _names(models: Sequence[tuple[str, SourceModel]], given: str | None, present: Mapping[str, Any]) -> Iterator[str]:
    """Yield a name for each model: that of the same model in turnout.yaml, the given one, or one that is free."""
    used = list(present)
    for backend, model in models:
        wanted = (given if not model.role else f"{given}_{model.role}") if given else model.name
        same = [name for name, keys in present.items() if _options(keys, backend) == dict(model.options)]
        if same and (given is None or wanted in same):
            yield wanted if wanted in same else same[0]
            continue
        if given and wanted in present:
            raise ConfigurationError(f"turnout.yaml has another model {wanted!r} already; give another --name")
        name = model_names([*used, wanted])[-1]
        used.append(name)
        yield name


def _options(keys: Any, backend: str) -> Any:
    backends = keys.get("backends") if isinstance(keys, Mapping) else None
    return backends.get(backend) if isinstance(backends, Mapping) else None


def _no_checkpoint(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{str(path)!r} has a {_CHECKPOINT}: a checkpoint, and no installed backend opens one",
        next_step=install_command("checkpoint", _CHECKPOINT),
    )


def _unknown(plugins: Plugins, request: AdoptRequest, path: Path | None) -> ConfigurationError:
    installed = ", ".join(backend.name for backend in plugins.backends()) or "none"
    if path is None:
        return ConfigurationError(
            f"there is no {request.source!r}, and no installed backend ({installed}) knows it as a name; {_SOURCES}"
        )
    kind = "folder" if path.is_dir() else "file"
    more = install_commands("backend", plugins.known_backends())
    return ConfigurationError(
        f"no installed backend ({installed}) opens the {kind} {request.source!r}; a folder is a checkpoint with {_CHECKPOINT}, "
        f"or a model repository, and a file has a suffix of its format{f'; more backends: {more}' if more else ''}"
    )
