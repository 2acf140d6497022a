"""Reloading turnout.yaml while the app runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from turnout.errors import ConfigurationError, TurnoutError
from turnout.files.watch import INTERVAL_SECONDS, FileWatch
from turnout.forking import Forks
from turnout.metrics.settings import ReloadMeter
from turnout.serving.arm_identity import arm_identity
from turnout.serving.version_roll import Rolled
from turnout.settings import LoadedSettings
from turnout.settings.loaded import LoadedModel

logger = logging.getLogger(__name__)

Refresh = Callable[[str], None]
"""Reads again what the open model of this name says of itself."""
Adopt = Callable[[LoadedModel, bool], None]
"""Serves one model by its new settings; True means that another arm will serve it, which must be opened first."""


class Roll(Protocol):
    """Opens one model again from a version that has appeared, with ``settled`` only from one that is complete."""

    def __call__(self, model: LoadedModel, /, *, settled: bool) -> Rolled:
        """Return what became of its new versions."""


def _keep(_: str) -> None:
    """Keep what is known of the model."""


def _stay(_: LoadedModel, *, settled: bool) -> Rolled:
    """Keep the version that is open."""
    return Rolled()


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The result of a reload.

    Attributes:
        changed: the models that are served by new settings now.
        rolled: the models that answer from another version of their model repository now.
        restart: the keys that have changed since the start and need a restart.
    """

    changed: tuple[str, ...] = ()
    rolled: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


class Reloader:
    """Applies the changes in turnout.yaml to a running app, model by model. Thread-safe: one ``reload`` at a time.

    Everything under a model may change: its backend, weight, shadow, fallback, options. Added and removed models, pipelines,
    metrics, tracing and threads need a restart. A wrong file changes nothing.
    """

    def __init__(
        self,
        loaded: LoadedSettings,
        load: Callable[[Path], LoadedSettings],
        adopt: Adopt,
        refresh: Refresh = _keep,
        roll: Roll = _stay,
        *,
        meter: ReloadMeter,
    ) -> None:
        """Serve ``loaded`` until ``load`` reads other settings; ``meter``, which it owns, records whether it could."""
        self._first = loaded
        self._file = loaded.folder / Path(loaded.source).name
        self._load = load
        self._adopt = adopt
        self._refresh = refresh
        self._meter = meter
        self._roll = roll
        self._lock = threading.Lock()
        self._in_force = dict(loaded.models)
        self._failed = self._has_refused = False
        self._logged_restart: tuple[str, ...] = ()
        self._watch: FileWatch | None = None
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def model(self, name: str) -> LoadedModel:
        """Return the settings by which the model ``name`` is served now."""
        return self._in_force[name]

    def reload(self, *, settled: bool = False) -> Reloaded:
        """Read the file again and apply it to every model that has changed; blocks while new arms open.

        A model of a model repository is opened again from a version that has appeared; with ``settled`` only if its folder has
        not changed for two seconds. The signatures of open models are read again, also where nothing changed.

        Raises:
            SettingsError: every problem of the file; nothing was changed.
            ConfigurationError: the file cannot be read, or the app has none.
            TurnoutError: a model cannot be opened with its new settings; it is served as before, the others have changed.
        """
        if not self._first.source:
            raise ConfigurationError(
                "the settings of this app are a dict, which cannot be read again; open the app with a file"
            )
        # The lock is held while models open: two reloads at once could leave a model on the older settings.
        with self._lock, self._metered():
            fresh = self._load(self._file)
            changed, errors = self._apply(fresh)
            rolled, failed = self._roll_models(settled=settled)
            self._refresh_models()
            restart = tuple(_restart_keys(self._first, fresh))
            self._log_restart(restart)
            if errors:
                raise errors[0]
        if failed and not settled:
            raise failed[0]
        return Reloaded(tuple(changed), tuple(rolled), restart)

    def roll_settled(self) -> None:
        """Open models again from the versions that have appeared completely; what cannot be opened is logged."""
        with self._lock:
            before = self._has_refused
            self._roll_models(settled=True)
            if self._has_refused != before:
                self._record()

    def watch(self) -> None:
        """Reload whenever the file changes, until ``close``."""
        if not self._first.source:
            raise ConfigurationError("the settings of this app are a dict, which cannot be watched; open the app with a file")
        if self._watch is None:
            self._watch = FileWatch(self._file, partial(self.reload, settled=True), INTERVAL_SECONDS, self.roll_settled)

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.close()
        self._meter.close()

    @contextmanager
    def _metered(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._failed = True
            self._record()
            raise
        self._failed = False
        self._record()

    def _record(self) -> None:
        if self._failed or self._has_refused:
            self._meter.failed()
        else:
            self._meter.succeeded()

    def _apply(self, fresh: LoadedSettings) -> tuple[list[str], list[TurnoutError]]:
        changed, errors = [], []
        for name, old in self._in_force.items():
            new = fresh.models.get(name)
            if new is None or _is_same(old, new):
                continue
            try:
                self._adopt(new, not _has_same_arm(old, new))
            except TurnoutError as error:
                # One model that cannot be opened must not keep the others on old settings.
                errors.append(error)
                continue
            self._in_force[name] = new
            changed.append(name)
            _log_change(old, new, fresh.source)
        return changed, errors

    def _roll_models(self, *, settled: bool) -> tuple[list[str], list[TurnoutError]]:
        rolled, failed, refused = list[str](), list[TurnoutError](), False
        for name, model in self._in_force.items():
            found = self._roll(model, settled=settled)
            rolled += [name] if found.changed else []
            failed += found.errors
            refused = refused or found.refused
        self._has_refused = refused
        for error in failed if settled else ():
            logger.warning("%s", error)
        return rolled, failed

    def _refresh_models(self) -> None:
        """Read the signatures again, of unchanged models too: a server may have another model under the same name by now."""
        for name in self._in_force:
            try:
                self._refresh(name)
            except TurnoutError as error:
                logger.warning("model %r: its signature cannot be read again, the old one stays in force: %s", name, error)

    def _log_restart(self, restart: tuple[str, ...]) -> None:
        # Once for each set of keys: a watched file is read again and again until it has settled.
        if restart and restart != self._logged_restart:
            logger.warning("%s: changes that need a restart: %s", self._first.source, ", ".join(restart))
        self._logged_restart = restart


def _is_same(old: LoadedModel, new: LoadedModel) -> bool:
    """Return whether both say the same; options are compared as the plugins validated them."""
    return old.settings == new.settings and old.backend == new.backend and old.options == new.options


def _has_same_arm(old: LoadedModel, new: LoadedModel) -> bool:
    return old.backend == new.backend and arm_identity(old, old.backend) == arm_identity(new, new.backend)


def _restart_keys(old: LoadedSettings, new: LoadedSettings) -> Iterator[str]:
    for key in type(old.settings).model_fields:
        if key not in ("backend", "models") and getattr(old.settings, key) != getattr(new.settings, key):
            yield key
    for model in sorted(set(old.models) ^ set(new.models)):
        yield f"models.{model}"


def _log_change(old: LoadedModel, new: LoadedModel, source: str) -> None:
    traffic = _traffic(new)
    # Requests that go elsewhere are an event that an operator must know; another limit is not.
    if traffic == _traffic(old):
        logger.info("model %r: settings reloaded from %s; %s", new.name, source, traffic)
    else:
        fields = {"model": new.name, "backend": new.backend}
        logger.warning("model %r: settings reloaded from %s; %s", new.name, source, traffic, extra=fields)


def _traffic(model: LoadedModel) -> str:
    """Return where requests go, and the version that turnout.yaml chooses, in words."""
    canary = model.settings.canary
    share = f", {canary.backend!r} gets {canary.weight:g} of the requests" if canary is not None and canary.weight else ""
    version = f", version {model.settings.version}" if model.settings.version else ""
    return f"backend {model.backend!r} serves{version}{share}"
