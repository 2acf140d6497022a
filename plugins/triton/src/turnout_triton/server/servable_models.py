"""The models of a repository as a server sees them: the backend of each, and the packages that the backend needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ConfigurationError, suggestion
from turnout.repository.versions import versions
from turnout_triton.repository.config_file import new_config, read_config
from turnout_triton.repository.layout import CONFIG, model_folders
from turnout_triton.repository.model_backend import backend_of

_NEEDS = {"onnxruntime": frozenset({"onnxruntime"}), "pytorch": frozenset({"torch"})}
_NEEDS_OF_GENERATE = frozenset({"torch", "transformers"})


@dataclass(frozen=True, slots=True)
class ServableModel:
    """A model of a repository.

    Attributes:
        name: its folder.
        backend: Triton's name of the backend that serves it; empty if unknown.
        needs: parts of the private environment that the backend needs, such as ``torch``.
    """

    name: str
    backend: str
    needs: frozenset[str]


def read_repository(repository: Path) -> list[ServableModel]:
    """Return the models of ``repository``, by name.

    Raises:
        ConfigurationError: there is no such folder, it has no model, or a config.pbtxt cannot be read.
    """
    if not repository.is_dir():
        state = "is a file" if repository.exists() else "does not exist"
        raise ConfigurationError(
            f"the model repository {str(repository)!r} {state}; write one with: turnout export MODEL, or correct --repository"
        )
    folders = model_folders(repository)
    if not folders:
        raise ConfigurationError(
            f"the model repository {str(repository)!r} has no model, which is a folder with config.pbtxt or a version folder "
            "such as '1'; write one with: turnout export MODEL"
        )
    return [_read_model(folder) for folder in folders]


def select_models(models: list[ServableModel], names: tuple[str, ...], repository: Path) -> list[ServableModel]:
    """Return the models called ``names``; all if ``names`` is empty.

    Raises:
        ConfigurationError: a name is unknown.
    """
    known = {model.name: model for model in models}
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"unknown model {name!r} in model repository {str(repository)!r}; known: {', '.join(known)}."
                f"{suggestion(name, known)} Correct --model"
            )
    return [known[name] for name in dict.fromkeys(names)] if names else models


def _read_model(folder: Path) -> ServableModel:
    present = read_config(folder / CONFIG)
    config = present.config if present else new_config()
    backend = backend_of(config, folder)
    hosts_generate = backend == "python" and ("checkpoint" in config.parameters or _has_file(folder, "generate.json"))
    return ServableModel(folder.name, backend, _NEEDS_OF_GENERATE if hosts_generate else _NEEDS.get(backend, frozenset()))


def _has_file(folder: Path, name: str) -> bool:
    return any((folder / str(version) / name).is_file() for version in versions(folder))
