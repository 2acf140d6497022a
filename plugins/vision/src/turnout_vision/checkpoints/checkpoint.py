"""Checkpoints: the files next to a model's weights, in a folder or in a repository of the Hugging Face hub."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout import StepDeclaration
from turnout.errors import ConfigurationError, MissingDependencyError, unknown_name
from turnout.files.limits import CHECKPOINT_JSON
from turnout.files.strict_json import read_json

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?\Z")
_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder, or the repository ``name`` of the hub at ``revision``.

    Attributes:
        name: the name in turnout.yaml.
        folder: the folder; None for the hub.
        revision: branch, tag or commit on the hub; None is the default branch.
        subfolder: the folder inside, if the files are not at the top.
    """

    name: str
    folder: Path | None = None
    revision: str | None = None
    subfolder: str = ""

    def file(self, name: str) -> Path | None:
        """Return the path of file ``name``, or None if the checkpoint has no such file.

        A file of the hub is downloaded if it is not in the cache (unless HF_HUB_OFFLINE is set); this may block.

        Raises:
            ConfigurationError: the hub cannot be reached, and its cache does not have the repository.
        """
        if self.folder is None:
            return _find_on_hub(self.name, f"{self.subfolder}/{name}" if self.subfolder else name, self.revision)
        file = self.folder / self.subfolder / name
        # A pipe or a link that leads nowhere is an error when it is read, and no missing file.
        return file if os.path.lexists(file) else None

    def json(self, name: str) -> Mapping[str, Any] | None:
        """Return the object in the JSON file ``name``, or None if there is no such file. Raises as ``file``."""
        file = self.file(name)
        if file is None:
            return None
        try:
            value = read_json(file, CHECKPOINT_JSON)
        except OSError as error:
            raise ConfigurationError(
                f"checkpoint {self.name!r}: {str(file)!r} cannot be read: {error.strerror or error}; correct that file"
            ) from error
        except ValueError as error:
            raise ConfigurationError(
                f"checkpoint {self.name!r}: {str(file)!r} is not valid JSON: {error}; save it again"
            ) from error
        if not isinstance(value, dict):
            raise ConfigurationError(f"checkpoint {self.name!r}: {str(file)!r} is not a JSON object; save it again")
        return value


def find_checkpoint(declaration: StepDeclaration, model: str, processor: str | None) -> Checkpoint | None:
    """Return ``processor``, or else the one checkpoint that the backends of ``model`` name; None if they name none.

    Raises:
        ConfigurationError: there is no such folder, or two backends name different checkpoints.
        UnknownNameError: there is no such model.
    """
    where = f"step {declaration.name!r} of pipeline {declaration.pipeline!r}"
    if processor is not None:
        return _open_checkpoint(processor, None, declaration.folder, f"{where}: processor")
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
    return _open_checkpoint(name, revision, declaration.folder, f"{where}: checkpoint of model {model!r}")


def require_checkpoint(checkpoint: Checkpoint | None, declaration: StepDeclaration, model: str) -> Checkpoint:
    """Return ``checkpoint``.

    Raises:
        ConfigurationError: ``checkpoint`` is None.
    """
    if checkpoint is None:
        raise ConfigurationError(
            f"step {declaration.name!r} of pipeline {declaration.pipeline!r} needs the tokenizer of model {model!r}, but no "
            "backend of the model names a checkpoint; write `processor:` with a folder or a hub name"
        )
    return checkpoint


def _open_checkpoint(name: str, revision: str | None, base: Path, where: str) -> Checkpoint:
    folder = base / Path(name).expanduser()
    if folder.is_dir():
        return Checkpoint(name, folder=folder)
    if _HUB_NAME.match(name):
        return Checkpoint(name, revision=revision)
    raise ConfigurationError(f"{where} is {name!r}, and there is no folder {str(folder)!r}; check the path")


def _find_on_hub(repository: str, name: str, revision: str | None) -> Path | None:
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingDependencyError(
            f"checkpoint {repository!r} is on the hub, and huggingface-hub is not installed; "
            "install it: pip install huggingface-hub"
        ) from error
    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    # Before EntryNotFoundError, its base class: offline, a file that is not in the cache may exist on the hub.
    except LocalEntryNotFoundError as error:
        if _is_cached(repository, revision):
            return None
        raise ConfigurationError(
            f"checkpoint {repository!r} is not a folder here and not in the hub's cache, and the hub cannot be reached; check "
            f"the path, or go online (HF_HUB_OFFLINE unset) and run: hf download {repository}"
        ) from error
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, OSError, ValueError) as error:
        _check_cache(repository, error)
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigurationError(
            f"checkpoint {repository!r} is not a folder here and not a repository of the hub: {reason}; check the name"
        ) from error


def _check_cache(repository: str, error: Exception) -> None:
    """Raise ConfigurationError if ``error`` is about the cache on this disk, and not about the hub."""
    from huggingface_hub import constants

    if isinstance(error, OSError) and (error.filename is not None or error.errno in _DISK_IS_FULL):
        raise ConfigurationError(
            f"checkpoint {repository!r} cannot be stored in the hub's cache {constants.HF_HUB_CACHE!r}: "
            f"{error.strerror or error}; free that disk, or name another folder in the variable HF_HOME"
        ) from error


def _is_cached(repository: str, revision: str | None) -> bool:
    """Return whether the cache has this repository; a file missing from it did not exist when the model was loaded."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, "config.json", revision=revision), str)
