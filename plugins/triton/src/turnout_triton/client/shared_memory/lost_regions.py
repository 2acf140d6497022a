"""Regions whose request ended here before it ended on the server: never reused, and freed once the server unregisters them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from turnout.errors import NotReachedError, TurnoutError, text_of
from turnout.forking import Forks
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.failures import RegionRefusedError, UnknownCallError

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, _LONGEST_SILENT_SECONDS = 0.02, 0.4, 10.0
_CALL_SECONDS = 2.0
_GONE_SECONDS = 2.0
_MOST = 32
_LOG_SECONDS = 60.0


class Named(Protocol):
    """A region, which the server knows by its name."""

    @property
    def name(self) -> str:
        """The name of the region."""


Region = TypeVar("Region", bound=Named)


class LostRegions(Generic[Region]):
    """Regions that a server may still read or write. As long as there are any, a thread asks it to unregister them.

    Triton refuses that while a request uses the region (2.51, over gRPC and HTTP), so its consent is the end of the late
    request. A server that was restarted consents too. One that refuses connections for two seconds has ended. Then ``free``
    gets the region, once.

    Thread-safe: ``_regions`` and ``_thread`` change under ``_lock``. A forked child starts with none.
    """

    def __init__(self, unregister: Callable[[str, float], None], free: Callable[[Region], None], url: str) -> None:
        self._unregister = unregister
        self._free = free
        self._url = url
        self._stop = threading.Event()
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Start with no regions and no thread, in a forked child too."""
        # Reentrant: a signal handler may use a model while its own thread holds the lock.
        self._lock = threading.RLock()
        self._regions: dict[str, Region] = {}
        self._thread: threading.Thread | None = None
        self._gone_since: float | None = None
        self._are_too_many = False
        self._next_log = 0.0

    def are_too_many(self) -> bool:
        """Return whether requests should do without regions, from 32 lost ones on until half of them are freed."""
        if len(self._regions) < _MOST and not self._are_too_many:
            return False
        with self._lock:
            was, self._are_too_many = self._are_too_many, len(self._regions) > _MOST // 2
            is_news = not was and time.monotonic() >= self._next_log
            self._next_log = time.monotonic() + _LOG_SECONDS if is_news else self._next_log
        if is_news:
            logger.warning(
                "triton at %r: late requests hold %d regions of shared memory; large tensors go over the wire until they end",
                self._url,
                len(self._regions),
            )
        return self._are_too_many

    def add(self, region: Region) -> None:
        """Take over ``region``, which the caller must not use again."""
        with self._lock:
            self._regions[region.name] = region
            if self._stop.is_set():
                self._free_all()
            elif self._thread is None:
                self._start()

    def reclaim(self, deadline: float) -> bool:
        """Free the regions that no request uses any more, and return whether there were any."""
        before = len(self._regions)
        with contextlib.suppress(TurnoutError):
            self._reclaim(deadline)
        return len(self._regions) < before

    def close(self, wait_seconds: float) -> None:
        """Free all regions, and wait ``wait_seconds`` at most for those in use; blocks until the thread has ended.

        The server keeps the memory of a region that is still in use until its own end.
        """
        self._stop.set()
        end = time.monotonic() + wait_seconds
        with contextlib.suppress(TurnoutError):
            while self._regions and time.monotonic() < end:
                self._reclaim(end)
                time.sleep(_FIRST_PAUSE_SECONDS)
        with self._lock:
            self._free_all()
            thread = self._thread
        if thread is not None:
            thread.join(_CALL_SECONDS)

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="turnout-lost-regions", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the next region tries again
            logger.warning("shared memory of late requests is kept: %s; raise the limit on threads", error)
            return
        self._thread = thread

    def _work(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stop.wait(pause):
            before, longest = len(self._regions), _LONGEST_PAUSE_SECONDS
            try:
                self._reclaim(float("inf"))
            except TurnoutError:
                longest = _LONGEST_SILENT_SECONDS
            with self._lock:
                if not self._regions:
                    self._thread = None
                    return
            pause = _FIRST_PAUSE_SECONDS if len(self._regions) < before else min(2 * pause, longest)

    def _reclaim(self, deadline: float) -> None:
        """Free the regions that the server unregisters.

        Raises:
            TurnoutError: it does not answer.
        """
        for region in list(self._regions.values()):
            if time.monotonic() >= deadline:
                return
            try:
                is_unregistered = self._is_unregistered(region.name, min(_CALL_SECONDS, remaining_seconds(deadline)))
            except NotReachedError:
                self._count_as_gone()
                raise
            self._gone_since = None
            if is_unregistered:
                self._free_once(region)

    def _is_unregistered(self, name: str, timeout_seconds: float) -> bool:
        try:
            self._unregister(name, timeout_seconds)
        except UnknownCallError:  # another kind of server runs there now
            return True
        except RegionRefusedError:
            return False
        return True

    def _count_as_gone(self) -> None:
        now = time.monotonic()
        self._gone_since = self._gone_since or now
        if now >= self._gone_since + _GONE_SECONDS:
            self._free_all()

    def _free_all(self) -> None:
        for region in list(self._regions.values()):
            self._free_once(region)

    def _free_once(self, region: Region) -> None:
        with self._lock:
            if self._regions.pop(region.name, None) is None:
                return
        try:
            self._free(region)
        except Exception as error:  # noqa: BLE001  # whatever CUDA or the system raises; the other regions go on
            logger.warning("triton at %r: region %r cannot be freed: %s", self._url, region.name, text_of(error))
