"""Log lines on stderr, as text or as JSON, for a program that configures no logging itself."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, cast

from turnout.errors import ConfigurationError, MissingDependencyError, listing, suggestion
from turnout.shown_text import traceback_text

VARIABLE = "TURNOUT_LOG"
FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")

logger = logging.getLogger(__name__)

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _ErrorOutput(logging.StreamHandler[Any]):
    """Writes to what ``sys.stderr`` is at each line: a command replaces it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


_output = _ErrorOutput()


def packages() -> list[str]:
    """Return the names of the loggers of Turnout and of every plugin's package; their modules' loggers are below them."""
    return sorted({"turnout", *(entry.module.partition(".")[0] for entry in entry_points(group="turnout"))})


def text_formatter() -> logging.Formatter:
    """Return a formatter of one line: the time in UTC, the level, the logger and the message."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    return formatter


def json_formatter() -> logging.Formatter:
    """Return a formatter of one JSON object: ``time``, ``level``, ``logger``, ``message``, and what else a record has.

    Raises:
        MissingDependencyError: python-json-logger is not installed.
    """
    try:
        from pythonjsonlogger.json import JsonFormatter
    except ImportError as error:
        text = "log lines as JSON need python-json-logger, which is not installed; run: pip install python-json-logger"
        raise MissingDependencyError(text) from error

    class ShownJson(JsonFormatter):  # type: ignore[misc]  # mypy does not see the package
        """JSON whose tracebacks have no secrets."""

        def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802  # logging's name
            return "" if ei[1] is None else traceback_text(ei[1])

    fields = ("asctime", "levelname", "name", "message")
    names = {"asctime": "time", "levelname": "level", "name": "logger"}
    formatter = cast("logging.Formatter", ShownJson(fields, "%Y-%m-%dT%H:%M:%SZ", rename_fields=names))
    formatter.converter = time.gmtime
    return formatter


def is_on() -> bool:
    """Return whether this process writes log lines because of ``TURNOUT_LOG``."""
    return _output in logging.getLogger("turnout").handlers


def obey_variable(environment: Mapping[str, str] | None = None) -> None:
    """Do what ``TURNOUT_LOG`` says: ``json`` or ``text``, a level, or both with a comma; nothing where it is not set.

    Raises:
        ConfigurationError: it says something else.
        MissingDependencyError: it says ``json``, and python-json-logger is not installed.
    """
    value = (os.environ if environment is None else environment).get(VARIABLE, "")
    if not value or is_on():
        return
    form, level = _read(value)
    if logging.root.handlers:
        logger.warning(
            "%s has no effect: this program configures logging itself; use turnout.logs.json_formatter there", VARIABLE
        )
        return
    _output.setFormatter(json_formatter() if form == "json" else text_formatter())
    for name in packages():
        package = logging.getLogger(name)
        package.addHandler(_output)
        package.setLevel(level.upper())


def check_variable() -> None:
    """Check that ``TURNOUT_LOG`` says what this module knows.

    Raises:
        ConfigurationError: it says something else.
    """
    value = os.environ.get(VARIABLE, "")
    if value:
        _read(value)


def _read(value: str) -> tuple[str, str]:
    """Return the format and the level of a value, with the defaults for what it leaves out."""
    form, level = FORMATS[0], "warning"
    for word in (part.strip().lower() for part in value.split(",")):
        if word in FORMATS:
            form = word
        elif word in LEVELS:
            level = word
        else:
            known = (*FORMATS, *LEVELS)
            raise ConfigurationError(
                f"the environment variable {VARIABLE} says {word!r}; known: {listing(known)}, or a format and a level such as "
                f"'json,info'.{suggestion(word, known)}"
            )
    return form, level
