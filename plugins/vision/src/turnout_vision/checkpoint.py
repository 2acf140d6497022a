"""Where the files beside a model's weights are: a folder, or a repository of the Hugging Face hub."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout import StepDeclaration
from turnout.errors import ConfigurationError, MissingDependencyError, unknown_name

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder, or the hub's repository ``name`` at ``revision``.

    Attributes:
        name: as the user wrote it.
        folder: the folder; None for the hub.
        revision: branch, tag or commit on the hub; None is the default branch.
    """

    name: str
    folder: Path | None = None
    revision: str | None = None

    def file(self, name: str) -> Path | None:
        """Return the file ``name``, downloaded if need be (unless HF_HUB_OFFLINE is set); None if there is none. May block.

        Raises:
            ConfigurationError: the hub cannot be asked, and its cache does not know.
        """
        if self.folder is None:
            return _hub_file(self.name, name, self.revision)
        file = self.folder / name
        return file if file.is_file() else None

    def json(self, name: str) -> Mapping[str, Any] | None:
        """Return the object in the JSON file ``name``; None if there is no such file. Raises as ``file``."""
        file = self.file(name)
        if file is None:
            return None
        try:
            value = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"checkpoint {self.name!r}: {str(file)!r} is no JSON: {error}; save it again") from error
        if not isinstance(value, dict):
            raise ConfigurationError(f"checkpoint {self.name!r}: {str(file)!r} holds no JSON object; save it again")
        return value


def find_checkpoint(declaration: StepDeclaration, model: str, processor: str | None) -> Checkpoint | None:
    """Return ``processor``, or else the one checkpoint that the backends of ``model`` name; None if they name none.

    Raises:
        ConfigurationError: there is no such folder, or two backends name different checkpoints.
        UnknownNameError: there is no such model.
    """
    where = f"step {declaration.name!r} of pipeline {declaration.pipeline!r}"
    if processor is not None:
        return _checkpoint(processor, None, declaration.folder, f"{where}: processor")
    if model not in declaration.models:
        raise unknown_name("model", model, declaration.models, f"In {where}.")
    named = {
        (str(options["checkpoint"]), options.get("revision"))
        for options in declaration.models[model].values()
        if options.get("checkpoint")
    }
    if len(named) > 1:
        names = ", ".join(repr(name) for name, _ in sorted(named, key=repr))
        raise ConfigurationError(f"{where}: the backends of model {model!r} name {names}; write `processor:` to choose one")
    if not named:
        return None
    name, revision = named.pop()
    return _checkpoint(name, revision, declaration.folder, f"{where}: checkpoint of model {model!r}")


def needed(checkpoint: Checkpoint | None, declaration: StepDeclaration, model: str) -> Checkpoint:
    """Return ``checkpoint``.

    Raises:
        ConfigurationError: it is None.
    """
    if checkpoint is None:
        raise ConfigurationError(
            f"step {declaration.name!r} of pipeline {declaration.pipeline!r} needs the tokenizer of model {model!r}, and no "
            "backend of it names a checkpoint; write `processor:` with a folder or a hub name"
        )
    return checkpoint


def _checkpoint(name: str, revision: str | None, base: Path, where: str) -> Checkpoint:
    folder = base / Path(name).expanduser()
    if folder.is_dir():
        return Checkpoint(name, folder=folder)
    if _HUB_NAME.match(name):
        return Checkpoint(name, revision=revision)
    raise ConfigurationError(f"{where} is {name!r}, and there is no folder {str(folder)!r}; check the path")


def _hub_file(repository: str, name: str, revision: str | None) -> Path | None:
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingDependencyError(
            f"checkpoint {repository!r} is on the hub; install huggingface-hub to reach it: pip install huggingface-hub"
        ) from error
    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except LocalEntryNotFoundError as error:
        if _known_without(repository, revision):
            return None
        raise ConfigurationError(
            f"checkpoint {repository!r} is no folder here, not in the hub's cache, and the hub cannot be asked; check the "
            f"path, or go online (HF_HUB_OFFLINE unset) and run: hf download {repository}"
        ) from error
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigurationError(
            f"checkpoint {repository!r} is no folder here and no repository of the hub: {reason}"
        ) from error


def _known_without(repository: str, revision: str | None) -> bool:
    """Tell whether the cache holds this repository: a file that it lacks then was not there when the model was loaded."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, "config.json", revision=revision), str)
