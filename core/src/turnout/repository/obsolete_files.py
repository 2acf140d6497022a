"""Files of a model's folder that its configuration does not use any more: recorded when written, removed when unchanged."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

from turnout.files.fingerprint import has_sha256
from turnout.files.inside import place_inside
from turnout.files.made_here import WRITTEN_HERE
from turnout.plugins.repositories import Configuration

logger = logging.getLogger(__name__)


def remove_obsolete(folder: Path, configuration: Configuration) -> None:
    """Remove the files that were written here and still have that content; others stay.

    The plugin's list comes from the model's folder, whose author may have written anything into it.
    """
    for name, digest in configuration.obsolete.items():
        file = place_inside(folder, name)
        is_unchanged = has_sha256(file, digest)
        if is_unchanged and digest in WRITTEN_HERE:
            file.unlink(missing_ok=True)
        elif os.path.lexists(file):
            reason = "no export of this machine wrote it" if is_unchanged else "its content was changed"
            logger.warning("%r of a model is not used any more, and stays: %s; remove it yourself", name, reason)


def remember_files(configuration: Configuration) -> None:
    """Record the files of ``configuration``, so that a later export may remove them; a failure does not undo this one."""
    try:
        for content in configuration.files.values():
            WRITTEN_HERE.add(hashlib.sha256(content).hexdigest())
    except OSError as error:
        logger.warning(
            "a later export will not remove files of this one: that they were written here is not recorded: %s", error
        )
