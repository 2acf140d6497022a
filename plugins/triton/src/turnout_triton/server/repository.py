"""What a model repository holds, and what serving it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, suggestion, text_of

CONFIG = "config.pbtxt"
_BACKENDS_OF_PLATFORMS = {"onnxruntime_onnx": "onnxruntime", "pytorch_libtorch": "pytorch", "ensemble": "ensemble"}
_BACKENDS_OF_FILES = {"model.onnx": "onnxruntime", "model.pt": "pytorch", "model.py": "python"}
_NEEDS = {"onnxruntime": frozenset({"onnxruntime"}), "pytorch": frozenset({"torch"})}
_NEEDS_OF_GENERATE = frozenset({"torch", "transformers"})


@dataclass(frozen=True, slots=True)
class RepositoryModel:
    """A model's folder: the backend that serves it, and what that needs of the private environment."""

    name: str
    backend: str
    needs: frozenset[str]


def read_repository(repository: Path) -> list[RepositoryModel]:
    """Return the models of ``repository``, by name.

    Raises:
        ConfigurationError: there is no such folder, it holds no model, or a config.pbtxt cannot be read.
    """
    if not repository.is_dir():
        state = "is a file" if repository.exists() else "does not exist"
        raise ConfigurationError(
            f"the model repository {str(repository)!r} {state}; write one with: turnout export MODEL, or correct --repository"
        )
    folders = [folder for folder in sorted(repository.iterdir()) if _is_model(folder)]
    if not folders:
        raise ConfigurationError(
            f"the model repository {str(repository)!r} holds no model, which is a folder with config.pbtxt or a version folder "
            "such as '1'; write one with: turnout export MODEL"
        )
    return [_read_model(folder) for folder in folders]


def choose(models: list[RepositoryModel], names: tuple[str, ...], repository: Path) -> list[RepositoryModel]:
    """Return the models called ``names``, all if there are no names.

    Raises:
        ConfigurationError: a name is none of theirs.
    """
    known = {model.name: model for model in models}
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"unknown model {name!r} in model repository {str(repository)!r}; known: {', '.join(known)}."
                f"{suggestion(name, known)} Correct --model"
            )
    return [known[name] for name in dict.fromkeys(names)] if names else models


def _is_model(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(".") and ((folder / CONFIG).is_file() or bool(_versions(folder)))


def _versions(folder: Path) -> list[Path]:
    found = [entry for entry in folder.iterdir() if entry.is_dir() and entry.name.isdecimal() and entry.name[0] != "0"]
    return sorted(found, key=lambda entry: int(entry.name))


def _read_model(folder: Path) -> RepositoryModel:
    config = _read_config(folder / CONFIG)
    backend = config.backend or _BACKENDS_OF_PLATFORMS.get(config.platform, config.platform) or _backend_of_files(folder)
    hosts_generate = backend == "python" and ("checkpoint" in config.parameters or _has_file(folder, "generate.json"))
    return RepositoryModel(folder.name, backend, _NEEDS_OF_GENERATE if hosts_generate else _NEEDS.get(backend, frozenset()))


def _has_file(folder: Path, name: str) -> bool:
    return any((version / name).is_file() for version in _versions(folder))


def _backend_of_files(folder: Path) -> str:
    files = [file.name for version in _versions(folder) for file in version.iterdir()]
    return next((backend for name, backend in _BACKENDS_OF_FILES.items() if name in files), "")


def _read_config(file: Path) -> Any:
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    config = model_config_pb2.ModelConfig()
    if not file.is_file():
        return config
    try:
        # A newer Triton may know more fields than these protobuf classes.
        text_format.Parse(file.read_text("utf-8"), config, allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{str(file)!r} cannot be read as a model config: {text_of(error)}; mend that line") from error
    return config
