"""The files of prometheus_client's multi-process mode: one set for each process, in the folder of a variable."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec

from prometheus_client.values import ValueClass

from turnout.errors import ConfigurationError
from turnout.metrics.process_marks import ProcessMark

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_HELD_SECONDS = 0.1
"""A value is written in microseconds; a lock that is held longer belongs to a thread that the fork did not copy."""

logger = logging.getLogger(__name__)

Values = ParamSpec("Values")

_MARK = ProcessMark()


def is_multiprocess() -> bool:
    """Return whether prometheus_client runs in its multi-process mode."""
    return VARIABLE in os.environ


def shared_folder() -> Path | None:
    """Return the folder that the processes of an app share, None outside of the multi-process mode."""
    return Path(os.environ[VARIABLE]) if is_multiprocess() else None


def warn_of_late_variable() -> None:
    """Log a warning if the variable was set too late: prometheus_client reads it once, when it is imported."""
    if is_multiprocess() and not getattr(ValueClass, "_multiprocess", False):
        logger.warning(
            "%s was set after prometheus_client was imported, which reads it once: this process writes no metrics to %r; set "
            "it before Python starts, or before the first import",
            VARIABLE,
            os.environ[VARIABLE],
        )


@contextmanager
def metric_files() -> Iterator[None]:
    """Name the variable where metrics are created in the block and their files cannot be.

    Raises:
        ConfigurationError: the variable names no folder, or one that cannot be written.
    """
    if is_multiprocess():
        _check_writable(_folder())
    try:
        if is_multiprocess():
            _MARK.hold(_folder())
        yield
    except TimeoutError as error:
        raise _twin() from error
    except OSError as error:
        if not is_multiprocess():
            raise
        raise _error(os.environ[VARIABLE], f"its files cannot be written: {error.strerror or error}") from error


def mark_open_app() -> None:
    """Take the lock of this process, where a model opens in an open app: a lost folder fails no request, and is logged once.

    Raises:
        ConfigurationError: another process with the number of this one writes to the folder.
    """
    if not is_multiprocess():
        return
    log_lost_files()
    try:
        _MARK.hold(Path(os.environ[VARIABLE]))
    except TimeoutError as error:
        raise _twin() from error
    except OSError as error:
        log_once(error)


def log_lost_files() -> None:
    """Log once in a process that its files are gone: what it writes to them, no scrape sees."""
    if is_multiprocess() and _MARK.is_lost():
        log_once(FileNotFoundError("the files of this process were removed while it had them open"))


def guard(write: Callable[Values, None]) -> Callable[Values, None]:
    """Return ``write``, which changes a metric, so that it never fails a request; what fails is logged, once in a process.

    A worker opens its files at its first write after the fork, when the folder may be gone or full. ``write`` itself is
    returned outside of the multi-process mode, where nothing is opened.
    """
    if not is_multiprocess():
        return write

    @functools.wraps(write)
    def write_or_log(*values: Values.args, **named: Values.kwargs) -> None:
        try:
            write(*values, **named)
        # prometheus_client raises OSError, and after it TypeError, because its file was never opened.
        except Exception as error:  # noqa: BLE001
            log_once(error)

    return write_or_log


def write_in_child(write: Callable[[], None]) -> None:
    """Call ``write``, which sets gauges that keep their values over a fork, in a forked child of the multi-process mode.

    At the fork, not later: the first change of any metric in the child, one of the app's own perhaps, sets all gauges of the
    child to 0. Nothing is called outside of the multi-process mode, where a child has the values of its parent.
    """
    if is_multiprocess():
        # Before its files: it removes those of a dead process that had the same pid.
        _MARK.renew()
        _free_values()
        guard(write)()


def _free_values() -> None:
    """Replace the lock of all values if a thread of the parent held it at the fork: it is never released here."""
    change: Any = ValueClass.inc
    cells = dict(zip(change.__code__.co_freevars, change.__closure__ or (), strict=True))
    lock = cells.get("lock")
    if lock is None:
        return
    if lock.cell_contents.acquire(timeout=_HELD_SECONDS):
        lock.cell_contents.release()
    else:
        lock.cell_contents = threading.Lock()


_logged: set[int] = set()


def log_once(error: Exception) -> None:
    """Log, once in a process, that its metrics cannot be written."""
    # A forked child has the set of its parent, and a number of its own.
    if os.getpid() in _logged:
        return
    _logged.add(os.getpid())
    logger.error(
        "the metrics of this process cannot be written, requests are answered without them: %s is %r: %s; create the folder, "
        "then restart",
        VARIABLE,
        os.environ.get(VARIABLE),
        error,
    )


def _folder() -> Path:
    check_folder(os.environ[VARIABLE])
    return Path(os.environ[VARIABLE])


def check_folder(name: str) -> None:
    """Raise ConfigurationError if PROMETHEUS_MULTIPROC_DIR, which is ``name``, names no folder."""
    folder = Path(name)
    if not name:
        raise _error(name, "which is empty")
    if not folder.is_dir():
        raise _error(name, "which is a file" if folder.exists() else "and there is no such folder")


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _error(str(folder), "a folder that this user cannot write")


def _twin() -> ConfigurationError:
    twin = f"where a living process with the number of this one, {os.getpid()}, writes too: one of another container"
    return _error(os.environ[VARIABLE], twin)


def _error(name: str, reason: str) -> ConfigurationError:
    advice = f"create a folder that can be written and name it in {VARIABLE}, or unset the variable"
    return ConfigurationError(f"metrics of several processes: {VARIABLE} is {name!r}, {reason}; {advice}", next_step=advice)
