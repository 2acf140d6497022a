"""WokenCallers in a queue: threads that wait, and event loops that must not."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from turnout.batching.queued import QueuedRequest, State
from turnout.batching.rows import rows_and_group
from turnout.inference import InferenceRequest

logger = logging.getLogger(__name__)

_CHAINS = 2


class Sleeper:
    """A thread that waits until another wakes it. A bare lock costs a tenth of a ``threading.Event``.

    Its class keeps the lock in ``_asleep``, held from the start.
    """

    __slots__ = ()
    _asleep: threading.Lock

    def wait(self, seconds: float) -> bool:
        """Block until ``wake``, ``seconds`` at most; return False if they were too few."""
        return self._asleep.acquire(timeout=-1 if seconds == inf else max(0.0, seconds))

    def wake(self) -> None:
        """End the present ``wait``, or the next one."""
        try:
            self._asleep.release()
        except RuntimeError:  # it is awake
            return


def held_lock() -> threading.Lock:
    """Return a new lock that is held."""
    lock = threading.Lock()
    lock.acquire()
    return lock


class ThreadRequest(QueuedRequest, Sleeper):
    """A request whose caller waits in its own thread, which may run a batch meanwhile.

    Attributes:
        leads: its thread is to run a batch.
        following: the request whose caller it wakes when its own goes on.
    """

    __slots__ = ("_asleep", "following", "leads")

    def __init__(self, request: InferenceRequest) -> None:
        super().__init__(request, *rows_and_group(request), can_lead=True)
        self.leads = False
        self.following: ThreadRequest | None = None
        self._asleep = held_lock()


class LoopRequest(QueuedRequest):
    """A request whose caller awaits it in an event loop."""

    __slots__ = ("arrival", "loop")

    def __init__(self, request: InferenceRequest, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(request, *rows_and_group(request), can_lead=False)
        self.loop = loop
        self.arrival: asyncio.Future[None] = loop.create_future()

    async def wait(self, seconds: float) -> bool:
        """Wait for the answer, ``seconds`` at most; return False if they were too few."""
        timer = None if seconds == inf else self.loop.call_later(max(0.0, seconds), self.resolve)
        try:
            await self.arrival
        finally:
            if timer is not None:
                timer.cancel()
        if self.is_delivered:
            return True
        self.arrival = self.loop.create_future()
        return False

    def resolve(self) -> None:
        """Wake the caller. Called in its loop."""
        if not self.arrival.done():
            self.arrival.set_result(None)


@dataclass(slots=True)
class WokenCallers:
    """WokenCallers that may go on, and have to be woken."""

    threads: list[ThreadRequest] = field(default_factory=list)
    loops: dict[asyncio.AbstractEventLoop, list[LoopRequest]] = field(default_factory=dict)

    def wake(self) -> None:
        """Wake the first threads, of which each wakes another, and each event loop once."""
        for queued in self.threads:
            queued.wake()
        for loop, group in self.loops.items():
            try:
                loop.call_soon_threadsafe(_resolve_all, group)
            except RuntimeError as error:
                logger.debug("%d answers arrived after their event loop had ended: %s", len(group), error)


def deliver(requests: Iterable[QueuedRequest], leader: object = None) -> WokenCallers:
    """Deliver ``requests``, which have answers, to those callers who still wait, and return whom to wake.

    Hold the lock under which callers leave: one that has left wakes no other. Threads wake each other, in ``_CHAINS`` chains,
    because all of them at once would only wait for Python's lock; not through ``leader``, whose thread may run another batch.
    """
    woken = WokenCallers()
    chain: list[ThreadRequest] = []
    for queued in requests:
        if queued.state is not State.ANSWERED or queued.is_left:
            continue
        queued.is_delivered = True
        if isinstance(queued, LoopRequest):
            woken.loops.setdefault(queued.loop, []).append(queued)
        elif isinstance(queued, ThreadRequest):
            (woken.threads if queued is leader else chain).append(queued)
    for queued, following in zip(chain, chain[_CHAINS:], strict=False):
        queued.following = following
    woken.threads += chain[:_CHAINS]
    return woken


def _resolve_all(requests: list[LoopRequest]) -> None:
    for queued in requests:
        queued.resolve()
