"""The turnout.yaml of a server: the one that is there, or a first one for a model."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from turnout.commands.init.first_settings import ensure_settings
from turnout.errors import ConfigurationError

_SETTINGS = "turnout.yaml"
_SUFFIXES = (".yaml", ".yml")


def find_config(source: Path | None, config: Path, *, named: bool, say: Callable[[str], None]) -> Path:
    """Return the settings file to serve; if ``source`` is a model and there is none, it is written first.

    Args:
        source: a settings file, a folder with one, or a model; None to serve ``config``.
        config: the settings file.
        named: the user has named ``config``.
        say: prints a line for the user.

    Raises:
        ConfigurationError: there is no such file, or it serves another model.
    """
    if source is None:
        return _existing(config)
    if (found := _settings_in(source)) is not None:
        if named:
            raise ConfigurationError(f"{str(source)!r} and --config {str(config)!r} are both settings files; name one")
        return _existing(found)
    if (written := ensure_settings(source, config)) is None:
        say(f"{str(config)!r} is there, and is used")
        return config
    for note in written.notes:
        say(f"note: {note}")
    again = "turnout serve" + (f" --config {shlex.quote(str(config))}" if named else "")
    say(f"wrote {str(config)!r}; from now on this does the same: {again}")
    return config


def _settings_in(source: Path) -> Path | None:
    if source.suffix.lower() in _SUFFIXES and not source.is_dir():
        return source
    return source / _SETTINGS if (source / _SETTINGS).is_file() else None


def _existing(config: Path) -> Path:
    if config.is_file():
        return config
    where = "is a folder" if config.is_dir() else "does not exist"
    raise ConfigurationError(
        f"{str(config)!r} {where}; write one with 'turnout init', or name a model: turnout serve model.onnx",
        next_step="turnout init",
    )
