"""One composed model between two reloads, and its retirement once another serves."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress

from turnout.errors import TurnoutError, one_line
from turnout.forking import Forks
from turnout.inference import ModelInference

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0
_MOST_THREADS = 4


def _ignore(_: TurnoutError) -> None:
    return None


class Deployment:
    """A composed model, the leases of its arms, and the calls in flight in it.

    Attributes:
        inner: the model.
        infer: its ``infer``, bound once.
        ainfer: its ``ainfer``, likewise.
        on_refusal: counts a request that was refused before it reached ``inner``.
        calls: one entry for each call in flight.
        retired: True once another deployment serves; then the end of each call checks whether it was the last.
        on_drained: called once it is retired and has no calls in flight; perhaps more than once, by the threads of calls.
    """

    # The hand-over needs no lock. A caller appends to ``calls`` and then reads which deployment serves; a reload publishes the
    # next deployment and then calls ``retire``. In every interleaving either the caller sees the new deployment and leaves this
    # one, or ``retire`` sees the call. ``deque.append``, ``pop`` and truth are atomic in CPython.
    __slots__ = ("_on_retire", "_resources", "ainfer", "calls", "infer", "inner", "on_drained", "on_refusal", "retired")

    def __init__(
        self,
        inner: ModelInference,
        resources: ExitStack | None = None,
        on_refusal: Callable[[TurnoutError], object] = _ignore,
        on_retire: Iterable[Callable[[], object]] = (),
    ) -> None:
        """Hold ``inner`` until ``close``, which closes ``resources``; without any, ``inner`` itself is closed.

        ``on_retire`` is called when another deployment serves, before the calls in flight have ended.
        """
        self.inner = inner
        self.infer = inner.infer
        self.ainfer = inner.ainfer
        self.on_refusal = on_refusal
        self.calls: deque[None] = deque()
        self.retired = False
        self.on_drained: Callable[[Deployment], object] | None = None
        self._on_retire = tuple(on_retire)
        self._resources = resources or ExitStack()
        if resources is None:
            self._resources.callback(inner.close)

    def leave(self) -> None:
        """Record the end of a call."""
        # A stream or a coroutine that started before a fork may end in the child, which has forgotten it.
        with suppress(IndexError):
            self.calls.pop()
        if self.retired:
            self.check_drained()

    def retire(self) -> None:
        """Mark this deployment as replaced."""
        self.retired = True
        for call in self._on_retire:
            call()
        self.check_drained()

    def check_drained(self) -> None:
        """Call ``on_drained`` if no calls are in flight."""
        if not self.calls and self.on_drained is not None:
            self.on_drained(self)

    def close(self) -> None:
        """Release the arms and close what serves this deployment alone. May be called twice."""
        self._resources.close()


class Retirement:
    """Closes the retired deployments of one model when they have drained, in a few threads that end when none is left.

    A few, because reloads may follow each other faster than a deployment closes. Thread-safe: ``_retiring``, ``_drained`` and
    ``_threads`` are under ``_lock``. The threads are daemons: one that hangs must not keep the process alive.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._retiring: set[Deployment] = set()
        self._drained: deque[Deployment] = deque()
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock, which a thread of the parent may have held, and forget the parent's threads."""
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def add(self, deployment: Deployment) -> None:
        """Retire ``deployment`` and close it when its calls have ended. Does not block."""
        with self._lock:
            self._retiring.add(deployment)
        deployment.on_drained = self._close_soon
        deployment.retire()

    def close(self) -> None:
        """Close all retired deployments now, even with calls in flight; blocks for 10 s at most."""
        with self._lock:
            retiring = list(self._retiring)
        for deployment in retiring:
            self._close_soon(deployment)
        with self._lock:
            threads = list(self._threads)
        end = time.monotonic() + CLOSE_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _close_soon(self, deployment: Deployment) -> None:
        with self._lock:
            if deployment not in self._retiring:
                return
            self._retiring.remove(deployment)
            self._drained.append(deployment)
            if len(self._threads) < _MOST_THREADS:
                thread = threading.Thread(target=self._run, name=f"turnout-retire-{self._model}", daemon=True)
                # Started under the lock: ``close`` cannot join a thread that has not started.
                thread.start()
                self._threads.add(thread)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._drained:
                    self._threads.discard(threading.current_thread())
                    return
                deployment = self._drained.popleft()
            self._close(deployment)

    def _close(self, deployment: Deployment) -> None:
        try:
            deployment.close()
        except Exception as error:  # noqa: BLE001  # another deployment serves already, so no caller could receive it
            logger.warning("model %r: the replaced deployment cannot be closed: %s", self._model, one_line(error))
