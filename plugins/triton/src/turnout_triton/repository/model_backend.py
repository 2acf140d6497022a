"""The backend that serves a model of a repository, and the file that it opens, by Triton's rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError
from turnout.files.inside import is_inside
from turnout.repository.versions import versions
from turnout_triton.repository.config_file import ConfigFile, copy_of
from turnout_triton.repository.layout import (
    CONFIG,
    ENSEMBLE,
    PLATFORMS,
    TRITON_PLATFORMS,
    file_of_served_version,
    newest_file,
    platform_for,
)

_BACKENDS_OF_PLATFORMS = {one.platform: one.backend for one in TRITON_PLATFORMS.values() if one.platform}


def named_backend(config: Any) -> str:
    """Return the backend that ``config`` names; older configs name only the platform. Empty if it names neither."""
    return str(config.backend or _BACKENDS_OF_PLATFORMS.get(config.platform, config.platform))


def backend_of(config: Any, folder: Path) -> str:
    """Return Triton's name of the backend that serves the model in ``folder``, or ``ensemble``; empty if nothing says it."""
    if config.ensemble_scheduling.step:
        return ENSEMBLE.platform
    return named_backend(config) or _backend_of_files(folder)


def _is_of_another_backend(file: Path, config: Any) -> bool:
    """Return whether ``file`` is a ``model.py`` of another backend than ``python``, as vLLM's are."""
    return file.name == "model.py" and named_backend(config) not in ("", PLATFORMS["model.py"].backend)


def with_backend(config: Any, folder: Path) -> Any:
    """Return ``config`` with the backend that Triton finds by the model's file, if it names neither backend nor platform."""
    if named_backend(config):
        return config
    found = copy_of(config)
    found.backend = backend_of(config, folder)
    return found


def served_file(config: Any, folder: Path, backend: str) -> Path | None:
    """Return the file that ``backend`` opens of the version that it answers from; None if there is none.

    Raises:
        ConfigurationError: the config names a file outside of the version's folder.
    """
    if config.default_model_filename and not is_inside(config.default_model_filename):
        raise ConfigurationError(
            f"default_model_filename of {str(folder / CONFIG)!r} is {config.default_model_filename!r}, which leads out of the "
            "version's folder; name a file in it"
        )
    own = [name for name, one in TRITON_PLATFORMS.items() if one.backend == backend]
    return file_of_served_version(folder, [config.default_model_filename] if config.default_model_filename else own)


def configured_file(folder: Path, present: ConfigFile | None) -> Path | None:
    """Return the file that a config.pbtxt is for; None if Turnout does not know such files.

    A hand-written config.pbtxt names it or its backend: a python model may have a model.onnx beside its model.py.
    """
    if present is None or present.generated:
        return newest_file(folder)
    served = served_file(present.config, folder, backend_of(present.config, folder))
    if served is not None:
        return served if platform_for(served.name) else None
    newest = newest_file(folder)
    return None if newest and _is_of_another_backend(newest, present.config) else newest


def _backend_of_files(folder: Path) -> str:
    files = {file.name for version in versions(folder) for file in (folder / str(version)).iterdir()}
    return next((one.backend for name, one in TRITON_PLATFORMS.items() if name in files), "")
