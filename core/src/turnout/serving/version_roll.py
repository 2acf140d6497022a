"""Rolling a model to a version folder that has appeared, while requests are in flight."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from turnout.errors import TurnoutError
from turnout.serving.arms import Arms
from turnout.serving.version_folders import NewVersion
from turnout.settings.loaded import LoadedModel

logger = logging.getLogger(__name__)

Adopt = Callable[[LoadedModel, bool], None]
"""Serves one model by its settings; True means that another arm will serve it, which must be opened first."""


class Rolled(NamedTuple):
    """Result of looking for new versions of one model.

    Attributes:
        changed: a backend answers from another version now.
        errors: those of the versions that cannot be opened, each once.
        refused: a version that cannot be opened is still there.
    """

    changed: bool = False
    errors: tuple[TurnoutError, ...] = ()
    refused: bool = False


class VersionRoll:
    """Opens a model again from a new version folder; the old one serves until then, and calls in flight end on it.

    A version that cannot be opened leaves the old one serving. Not thread-safe: one reload at a time calls it.
    """

    def __init__(self, arms: Arms, adopt: Adopt) -> None:
        self._arms = arms
        self._adopt = adopt

    def roll(self, model: LoadedModel, *, settled: bool) -> Rolled:
        """Open the new versions of ``model``, and return what became of them.

        With ``settled`` only folders count that have not changed for two seconds. Blocks while models open.
        """
        changed, errors = False, list[TurnoutError]()
        # A list: opening one changes what is found. Each on its own, since a broken fallback must not keep the others back.
        for new in list(self._arms.folders.find_new(model, settled=settled)):
            try:
                self._open(model, new)
            except TurnoutError as error:
                errors.append(_keep_old(model, new, error))
                continue
            changed = True
        return Rolled(changed, tuple(errors), self._arms.folders.has_refused(model))

    def _open(self, model: LoadedModel, new: NewVersion) -> None:
        folders = self._arms.folders
        folders.begin(model.name, new)
        try:
            with ExitStack() as resources:
                # Opened before it serves, also an arm that is only a fallback: a broken version must not become one.
                self._arms.lease(model, new.backend, resources).open()
                self._adopt(model, True)  # the reloader's signature
        except BaseException:
            folders.refuse(model.name, new)
            raise
        names = new.folder.name, new.before.name
        logger.warning("model %r on backend %r: version %s serves now instead of %s", model.name, new.backend, *names)


def _keep_old(model: LoadedModel, new: NewVersion, error: TurnoutError) -> TurnoutError:
    text = (
        f"model {model.name!r} on backend {new.backend!r}: version {new.folder.name} cannot be opened, "
        f"version {new.before.name} keeps serving: {error}"
    )
    return type(error)(text, next_step=error.next_step)
