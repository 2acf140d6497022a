"""One composed model between two reloads, and its retirement once another serves."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

from turnout.errors import TurnoutError, one_line
from turnout.forking import Forks
from turnout.inference import ModelInference

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0


def _ignore(_: TurnoutError) -> None:
    return None


class Deployment:
    """A composed model, the leases of its arms, and the calls in flight in it.

    Attributes:
        inner: the model.
        infer: its ``infer``, bound once.
        on_refusal: counts a request that was refused before it reached ``inner``.
        calls: one entry for each call in flight.
        retired: True once another deployment serves; then the end of each call checks whether it was the last.
        drained: set when it is retired and has no calls in flight.
    """

    # The hand-over needs no lock. A caller appends to ``calls`` and then reads which deployment serves; a reload publishes the
    # next deployment and then calls ``retire``. In every interleaving either the caller sees the new deployment and leaves this
    # one, or ``retire`` sees the call. ``deque.append``, ``pop`` and truth are atomic in CPython.
    __slots__ = ("_resources", "calls", "drained", "infer", "inner", "on_refusal", "retired")

    def __init__(
        self,
        inner: ModelInference,
        resources: ExitStack | None = None,
        on_refusal: Callable[[TurnoutError], object] = _ignore,
    ) -> None:
        """Hold ``inner`` until ``close``, which closes ``resources``; without any, ``inner`` itself is closed."""
        self.inner = inner
        self.infer = inner.infer
        self.on_refusal = on_refusal
        self.calls: deque[None] = deque()
        self.retired = False
        self.drained = threading.Event()
        self._resources = resources or ExitStack()
        if resources is None:
            self._resources.callback(inner.close)

    def leave(self) -> None:
        """Record the end of a call."""
        self.calls.pop()
        if self.retired:
            self.check_drained()

    def retire(self) -> None:
        """Mark this deployment as replaced."""
        self.retired = True
        self.check_drained()

    def check_drained(self) -> None:
        """Set ``drained`` if no calls are in flight."""
        if not self.calls:
            self.drained.set()

    def close(self) -> None:
        """Release the arms and close what serves this deployment alone. May be called twice."""
        self._resources.close()


class Retirement:
    """Closes the retired deployments of one model when they have drained, each in its own thread.

    Thread-safe: ``_retiring`` is under ``_lock``. The threads are daemons: a call that hangs must not keep the process alive.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._retiring: dict[threading.Thread, Deployment] = {}
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def add(self, deployment: Deployment) -> None:
        """Retire ``deployment`` and close it when its calls have ended. Does not block."""
        thread = threading.Thread(
            target=self._close_when_drained, args=(deployment,), name=f"turnout-retire-{self._model}", daemon=True
        )
        # Started under the lock: ``close`` cannot join a thread that has not started.
        with self._lock:
            deployment.retire()
            thread.start()
            self._retiring[thread] = deployment

    def close(self) -> None:
        """Close all retired deployments now, even with calls in flight; blocks for 10 s at most for each."""
        with self._lock:
            retiring = dict(self._retiring)
        for deployment in retiring.values():
            deployment.drained.set()
        for thread in retiring:
            thread.join(CLOSE_SECONDS)

    def _close_when_drained(self, deployment: Deployment) -> None:
        deployment.drained.wait()
        try:
            deployment.close()
        except Exception as error:  # noqa: BLE001  # another deployment serves already, so no caller could receive it
            logger.warning("model %r: the replaced deployment cannot be closed: %s", self._model, one_line(error))
        with self._lock:
            self._retiring.pop(threading.current_thread(), None)
