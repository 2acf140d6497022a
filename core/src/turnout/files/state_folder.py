"""The folder ``.turnout`` beside turnout.yaml, which holds evidence and mismatches."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from turnout.error_text import text_of
from turnout.files.atomic import write_atomic
from turnout.files.limits import STATE as STATE_FILE
from turnout.files.strict_json import read_json

logger = logging.getLogger(__name__)

Content = TypeVar("Content")

STATE = ".turnout"


def make_state_folder(folder: Path) -> Path:
    """Return the state folder of the turnout.yaml in ``folder``; create it if it does not exist.

    git ignores it: requests of users and results of one machine must not be committed.

    Raises:
        OSError: it cannot be created, or is a link: a repository from elsewhere may have one to any folder of the user's.
    """
    state = folder / STATE
    if state.is_symlink():
        raise OSError(errno.ELOOP, "it is a link; replace it by a folder", str(state))
    state.mkdir(parents=True, exist_ok=True)
    ignore = state / ".gitignore"
    if not os.path.lexists(ignore):
        # Whole or not at all: beside an empty one, which a full disk leaves, git would commit what is here.
        write_atomic(ignore, b"*\n")
    return state


def check_format(content: Any, known: int) -> None:
    """Raise ValueError if another version of Turnout wrote ``content``, whose ``format`` is not ``known``."""
    if content["format"] != known:
        raise ValueError(f"it has format {content['format']!r:.40}, and this version of Turnout reads {known}")


def read_state(file: Path, parse: Callable[[Any], Content]) -> Content | None:
    """Return what ``parse`` makes of the JSON in ``file``; None without one, or if it cannot be read, which is logged."""
    try:
        return parse(read_json(file, STATE_FILE))
    except (FileNotFoundError, NotADirectoryError):
        return None
    # What a foreign file holds is found where it is used: these are the errors of a wrong type, key or figure.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or text_of(error)
        logger.warning("%r cannot be read, and does not count: %s; remove it", str(file), reason)
        return None
