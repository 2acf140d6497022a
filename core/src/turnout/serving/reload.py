"""Reading turnout.yaml again while the app runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ConfigurationError, TurnoutError
from turnout.files.watch import INTERVAL_SECONDS, FileWatch
from turnout.serving.arm_identity import arm_identity
from turnout.settings import LoadedSettings

logger = logging.getLogger(__name__)

Adopt = Callable[[LoadedSettings, str, bool], None]
"""Has one model served by the settings; True says that another arm serves it, which is to be opened first."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of reading the file again.

    Attributes:
        changed: the models that are served by the new settings now.
        restart: what else has changed in the file since the start, and needs a new start.
    """

    changed: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


class Reloader:
    """Brings what has changed in turnout.yaml into a running app, model by model. Thread-safe: one ``reload`` at a time.

    Everything that is said of a model may change: its backend, weight, shadow, fallback, options. A model that is new or gone,
    pipelines, metrics and threads need a new start. A file that is wrong changes nothing.
    """

    def __init__(self, loaded: LoadedSettings, load: Callable[[], LoadedSettings], adopt: Adopt) -> None:
        self._first = loaded
        self._load = load
        self._adopt = adopt
        self._lock = threading.Lock()
        self._in_force = dict.fromkeys(loaded.settings.models, loaded)
        self._told: tuple[str, ...] = ()
        self._watch: FileWatch | None = None

    def settings_of(self, model: str) -> LoadedSettings:
        """Return the settings by which ``model`` is served now."""
        return self._in_force[model]

    def reload(self) -> Reloaded:
        """Read the file again and have every model that changed served by it; blocks while new arms open.

        Raises:
            SettingsError: everything that is wrong in the file; nothing was changed.
            ConfigurationError: the file cannot be read, or the app has none.
            TurnoutError: a model cannot be opened as the file asks; it is served as before, the others have changed.
        """
        if not self._first.source:
            raise ConfigurationError("the settings of this app are a dict, which cannot be read again; open it over a file")
        with self._lock:
            fresh = self._load()
            changed, errors = self._bring(fresh)
            restart = tuple(_needing_restart(self._first, fresh))
            self._tell(restart)
        if errors:
            raise errors[0]
        return Reloaded(tuple(changed), restart)

    def watch(self) -> None:
        """Reload whenever the file changes, until ``close``."""
        if not self._first.source:
            raise ConfigurationError("the settings of this app are a dict, which cannot be watched; open it over a file")
        if self._watch is None:
            self._watch = FileWatch(self._first.folder / Path(self._first.source).name, self.reload, INTERVAL_SECONDS)

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.close()

    def _bring(self, fresh: LoadedSettings) -> tuple[list[str], list[TurnoutError]]:
        changed, errors = [], []
        for model, old in self._in_force.items():
            if model not in fresh.settings.models or _same(old, fresh, model):
                continue
            try:
                self._adopt(fresh, model, not _same_arm(old, fresh, model))
            except TurnoutError as error:
                errors.append(error)
                continue
            self._in_force[model] = fresh
            changed.append(model)
            logger.info("model %r is served by %s as it is now, by %r", model, fresh.source, fresh.settings.backend_of(model))
        return changed, errors

    def _tell(self, restart: tuple[str, ...]) -> None:
        if restart and restart != self._told:
            logger.warning("%s has changed in what needs a new start: %s", self._first.source, ", ".join(restart))
        self._told = restart


def _same(old: LoadedSettings, new: LoadedSettings, model: str) -> bool:
    """Tell whether both say the same of ``model``; options are compared as the plugins read them."""
    backends = old.settings.models[model].backends
    return (
        old.settings.models[model] == new.settings.models[model]
        and old.settings.backend_of(model) == new.settings.backend_of(model)
        and all(old.backend_options.get((model, name)) == new.backend_options.get((model, name)) for name in backends)
    )


def _same_arm(old: LoadedSettings, new: LoadedSettings, model: str) -> bool:
    backend = new.settings.backend_of(model)
    return old.settings.backend_of(model) == backend and arm_identity(old, model, backend) == arm_identity(new, model, backend)


def _needing_restart(old: LoadedSettings, new: LoadedSettings) -> Iterator[str]:
    for key in type(old.settings).model_fields:
        if key not in ("backend", "models") and getattr(old.settings, key) != getattr(new.settings, key):
            yield key
    for model in sorted(set(old.settings.models) ^ set(new.settings.models)):
        yield f"models.{model}"
