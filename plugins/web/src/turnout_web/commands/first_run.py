"""The turnout.yaml of a server: the one that is there, or a first one for a model."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from turnout.commands.init.draft import Draft
from turnout.commands.init.first_settings import ensure_settings
from turnout.errors import ConfigurationError, TurnoutError
from turnout.files.regular import has_content

_SETTINGS = "turnout.yaml"
_SUFFIXES = (".yaml", ".yml")


class FirstRun:
    """The settings file of one start. A file that this start wrote goes again if the model in it cannot be opened.

    Used as a context manager around the server: until ``confirm``, an end means that the model did not open. ``say`` prints
    the lines about a file that stays.
    """

    def __init__(self, file: Path, say: Callable[[str], None], written: Draft | None = None, lines: Sequence[str] = ()) -> None:
        self.file = file
        self._say, self._written, self._lines = say, written, lines

    def __enter__(self) -> FirstRun:
        return self

    def confirm(self) -> None:
        """Keep the file, and say so."""
        self._written = None
        for line in self._lines:
            self._say(line)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._written is None:
            return
        # A model's error with a next step is fixed in the file.
        if isinstance(error, TurnoutError) and error.model is not None and error.next_step is not None:
            self.confirm()
            return
        if isinstance(error, TurnoutError) and error.model is not None:
            error.next_step = "write the model again, or name another one"
        file = self.file.resolve()
        with suppress(OSError):
            # The user may have edited it.
            if has_content(file, self._written.text.encode()):
                file.unlink()


def find_config(source: Path | None, config: Path, *, named: bool, say: Callable[[str], None]) -> FirstRun:
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
        return FirstRun(_existing(config), say)
    if (found := _settings_in(source)) is not None:
        if named:
            raise ConfigurationError(f"{str(source)!r} and --config {str(config)!r} are both settings files; name one")
        return FirstRun(_existing(found), say)
    if (written := ensure_settings(source, config)) is None:
        say(f"{str(config)!r} is there, and is used")
        return FirstRun(config, say)
    again = "turnout serve" + (f" --config {shlex.quote(str(config))}" if named else "")
    notes = [f"note: {note}" for note in written.notes]
    return FirstRun(config, say, written, [*notes, f"wrote {str(config)!r}; from now on this does the same: {again}"])


def _settings_in(source: Path) -> Path | None:
    if source.suffix.lower() in _SUFFIXES and not source.is_dir():
        return source
    return source / _SETTINGS if (source / _SETTINGS).is_file() else None


def _existing(config: Path) -> Path:
    if config.is_file():
        return config
    if (inside := config / _SETTINGS).is_file():
        raise ConfigurationError(
            f"{str(config)!r} is a folder; name the file in it",
            next_step=f"turnout serve --config {shlex.quote(str(inside))}",
        )
    is_folder = config.is_dir()
    where = "is a folder" if is_folder else "does not exist"
    raise ConfigurationError(
        f"{str(config)!r} {where}; write one with 'turnout init', or name a model: turnout serve model.onnx",
        next_step=f"turnout init --config {shlex.quote(str(config / _SETTINGS))}" if is_folder else "turnout init",
    )
