"""Metrics that backends report: versions, servers, bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from math import nan

from prometheus_client import CollectorRegistry

from turnout.forking import Forks
from turnout.metrics.calls import Amounts
from turnout.metrics.catalogue import models
from turnout.metrics.labels import Direction, Transport
from turnout.metrics.process_files import guard, is_multiprocess, mark_open_app

_MOST_VERSIONS = 64
"""Label sets of one arm: a server names its version, and must not be able to fill the memory of this process."""

Arm = tuple[str, str]
Served = tuple[str, str]


@dataclass(slots=True, eq=False)
class _Opened:
    """The reports of one open model."""

    served: Served | None = None
    replicas: dict[int, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BackendMeter:
    """Functions that record what one open model reports.

    Attributes:
        serve: records the version and the SHA-256 of the file that answer from now on.
        set_replica: records whether the server at a place of the list of URLs answers.
        transferred: counts bytes, by transport and direction.
        close: forgets the model, whose series end unless another one is open for the same arm.
    """

    serve: Callable[[str, str], None]
    set_replica: Callable[[int, bool], None]
    transferred: dict[tuple[Transport, Direction], Callable[[int], None]]
    close: Callable[[], None]


class BackendMetrics:
    """The families, in ``registry``; returns meters with bound cells.

    While a reload replaces a model two are open for one arm: the newer one is shown. Thread-safe: everything that changes is
    under ``_lock``. A forked child starts with no open model.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._info = models.MODEL_INFO.create(registry)
        self._replica_up = models.REPLICA_UP.create(registry)
        self._bytes = models.TRANSFER_BYTES.create(registry)
        self._amounts: dict[Arm, dict[tuple[Transport, Direction], Amounts]] = {}
        self._lock = threading.Lock()
        self._opened: dict[Arm, list[_Opened]] = {}
        self._shown: dict[Arm, set[Served]] = {}
        self._places: dict[Arm, set[int]] = {}
        Forks.renew(self)

    def renew(self) -> None:
        """Forget the open models of the parent process; a child opens its own."""
        self._lock = threading.Lock()
        for arm in self._opened:
            self._opened[arm] = []
            guard(self._show)(arm)

    def meter(self, model: str, backend: str, *, remote: bool) -> BackendMeter:
        """Return the meter of a model that opens; ``remote`` if its backend calls a server, so that bytes are counted."""
        arm, opened = (model, backend), _Opened()

        def serve(version: str, sha256: str) -> None:
            with self._lock:
                opened.served = version, sha256
                self._show(arm)

        def set_replica(place: int, up: bool) -> None:  # noqa: FBT001  # a value
            with self._lock:
                opened.replicas[place] = up
                self._show(arm)

        def close() -> None:
            with self._lock:
                if opened in self._opened[arm]:
                    self._opened[arm].remove(opened)
                self._show(arm)

        with self._lock:
            mark_open_app()
            self._opened.setdefault(arm, []).append(opened)
            transferred = self._transferred(arm) if remote else {}
        return BackendMeter(guard(serve), guard(set_replica), transferred, guard(close))

    def fold(self) -> None:
        """Write pending bytes to their Prometheus cells."""
        with self._lock:
            arms = list(self._amounts.values())
        for amounts in arms:
            for amount in amounts.values():
                amount.fold()

    def _transferred(self, arm: Arm) -> dict[tuple[Transport, Direction], Callable[[int], None]]:
        if arm not in self._amounts:
            ways = [(transport, direction) for transport in Transport for direction in Direction]
            self._amounts[arm] = {way: Amounts(self._bytes.labels(*arm, *way)) for way in ways}
        return {way: amounts.add for way, amounts in self._amounts[arm].items()}

    def _show(self, arm: Arm) -> None:
        """Write the gauges of ``arm``."""
        opened = self._opened[arm]
        served = next((one.served for one in reversed(opened) if one.served is not None), None)
        shown = self._shown.setdefault(arm, set())
        if served is not None and len(shown) < _MOST_VERSIONS:
            shown.add(served)
        for one in shown:
            self._info.labels(*arm, *one).set(one == served)
        replicas = next((one.replicas for one in reversed(opened) if one.replicas), {})
        places = self._places.setdefault(arm, set())
        for place in places - replicas.keys():
            self._end(arm, place)
        for place, up in replicas.items():
            self._replica_up.labels(*arm, str(place)).set(up)
        self._places[arm] = set(replicas)

    def _end(self, arm: Arm, place: int) -> None:
        """End the series of a server that is no longer in the list."""
        if is_multiprocess():
            # The file of a process keeps its label sets. NaN is no outage: it is neither 0 nor 1.
            self._replica_up.labels(*arm, str(place)).set(nan)
        else:
            self._replica_up.remove(*arm, str(place))
