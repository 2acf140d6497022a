"""The files of an arm, which its backend's plugin finds without opening the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from turnout.errors import ModelLoadError, TurnoutError, one_line
from turnout.plugins.discovery import Plugins
from turnout.settings import LoadedModel


def find_arm_files(plugins: Plugins, model: LoadedModel, backend: str) -> list[Path]:
    """Return the files that decide the answers of ``model`` on ``backend``.

    For a plugin that does not say which ones, these are the files and folders that the backend's options name.

    Raises:
        ModelLoadError: one is missing.
    """
    options = model.options.get(backend)
    if options is None:
        return []
    try:
        files = list(plugins.backend(backend).files(model.declaration, options))
        return files or list(_named_files(model, backend))
    except TurnoutError as error:
        raise error if isinstance(error, ModelLoadError) else ModelLoadError(str(error), next_step=error.next_step) from error
    except Exception as error:
        raise ModelLoadError(f"model {model.name!r}: the files of {backend!r} cannot be found: {one_line(error)}") from error


def _named_files(model: LoadedModel, backend: str) -> Iterator[Path]:
    for value in model.settings.backends.get(backend, {}).values():
        with suppress(OSError, ValueError):
            if isinstance(value, str) and value and (model.declaration.folder / value).exists():
                yield model.declaration.folder / value
