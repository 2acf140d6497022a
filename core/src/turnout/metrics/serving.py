"""Metrics of what serves: the backends of each model by role, and the share of a canary."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Gauge

from turnout.forking import Forks
from turnout.metrics.catalogue import moves
from turnout.metrics.labels import Role
from turnout.metrics.process_files import guard, mark_open_app, metric_files, write_in_child


class ServingMeter:
    """The roles of one model's backends in one app. Thread-safe: its state is under the lock of its metrics.

    Attributes:
        model: the model's name.
        roles: the backend in each role; empty before ``show`` and after ``close``.
        canary_weight: the share of the canary.
    """

    def __init__(self, metrics: ServingMetrics, model: str) -> None:
        self._metrics = metrics
        self.model = model
        self.roles: Mapping[Role, str] = {}
        self.canary_weight = 0.0

    def show(self, backends: Iterable[str], roles: Mapping[Role, str], canary_weight: float = 0.0) -> None:
        """Report ``roles``; the other ``backends`` of the model have none. Ignored after ``close``."""
        self._metrics.show(self, backends, roles, canary_weight)

    def close(self) -> None:
        """Report that this app serves the model no longer."""
        self._metrics.remove(self)


class ServingMetrics:
    """The families, in ``registry``. A backend has a role while an app of this process gives it that role.

    Thread-safe: the meters and the cells are under ``_lock``. Nothing of it is on the path of a request.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # livemax: workers reload one after the other, and a role holds as long as one of them has it. The sum would depend on
        # the number of workers; the most recent value would hide those that have not reloaded. A dead worker serves nothing.
        self._serving = moves.SERVING.create(registry)
        self._weight = moves.CANARY_WEIGHT.create(registry)
        self._meters: list[ServingMeter] = []
        self._cells: dict[str, dict[str, tuple[dict[Role, Gauge], Gauge]]] = {}
        self._write = guard(self._write_model)
        self._lock = threading.Lock()
        Forks.renew(self)

    def renew(self) -> None:
        """Write all values to the files of a forked child, which has the apps of its parent."""
        self._lock = threading.Lock()
        for model in self._cells:
            write_in_child(partial(self._write, model))

    def meter(self, model: str) -> ServingMeter:
        """Return the meter of a model of one app that opens; close it with the app.

        Raises:
            ConfigurationError: PROMETHEUS_MULTIPROC_DIR names no folder that can be written.
        """
        meter = ServingMeter(self, model)
        with self._lock, metric_files():
            self._meters.append(meter)
        return meter

    def show(self, meter: ServingMeter, backends: Iterable[str], roles: Mapping[Role, str], canary_weight: float) -> None:
        """Set what ``meter`` reports."""
        with self._lock:
            mark_open_app()
            if meter not in self._meters:
                return
            meter.roles, meter.canary_weight = roles, canary_weight
            for backend in (*backends, *roles.values()):
                self._bind(meter.model, backend)
            self._write(meter.model)

    def remove(self, meter: ServingMeter) -> None:
        """Forget ``meter``."""
        with self._lock:
            if meter in self._meters:
                self._meters.remove(meter)
                self._write(meter.model)

    def _bind(self, model: str, backend: str) -> None:
        cells = self._cells.setdefault(model, {})
        if backend not in cells:
            roles = {role: self._serving.labels(model, backend, role) for role in Role}
            cells[backend] = (roles, self._weight.labels(model, backend))

    def _write_model(self, model: str) -> None:
        meters = [meter for meter in self._meters if meter.model == model]
        for backend, (roles, weight) in self._cells.get(model, {}).items():
            for role, cell in roles.items():
                cell.set(any(meter.roles.get(role) == backend for meter in meters))
            shares = [meter.canary_weight for meter in meters if meter.roles.get(Role.CANARY) == backend]
            weight.set(max(shares, default=0.0))
