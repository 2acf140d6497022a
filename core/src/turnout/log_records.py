"""Log records of Turnout and its plugins, whose texts every handler shows safely.

A filter or a handler would have to be on each logger; the factory of records is the one place that all of them pass.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from turnout.shown_text import shown, traceback_text

_packages: set[str] = {"turnout"}


class ShownRecord(logging.LogRecord):
    """A record whose message is one line, without control characters or secrets; ``msg`` and ``args`` stay as they are."""

    def getMessage(self) -> str:  # noqa: N802  # logging's name
        return shown(super().getMessage())


def show_records_of(package: str) -> None:
    """Do for the loggers of ``package`` what is done for Turnout's."""
    _packages.add(package)


def install() -> None:
    """Create the records of Turnout's loggers as ShownRecord; those of other loggers are created as before."""
    create = logging.getLogRecordFactory()
    if not isinstance(create, _Factory):
        logging.setLogRecordFactory(_Factory(create))


class _Factory:
    def __init__(self, create: Callable[..., logging.LogRecord]) -> None:
        self._create = create

    def __call__(self, *arguments: Any, **named: Any) -> logging.LogRecord:
        record = self._create(*arguments, **named)
        package = (record.name or "").partition(".")[0]
        if package in _packages or package.startswith("turnout_"):
            _show(record)
        return record


def _show(record: logging.LogRecord) -> None:
    if type(record) is logging.LogRecord:
        record.__class__ = ShownRecord
    else:
        # The class of an app's own factory keeps its other methods.
        record.msg, record.args = shown(record.getMessage()), ()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        # Formatters take this text instead of writing the traceback themselves.
        record.exc_text = traceback_text(error)
