"""Callers in a queue: threads that wait, and event loops that must not."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from turnout.batching.queued import QueuedRequest, State
from turnout.batching.rows import rows_and_group
from turnout.inference import InferenceRequest

logger = logging.getLogger(__name__)

_CHAINS = 1


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
        in_chain: its caller wakes another when it goes on; set under the lock of the dispatcher.
    """

    __slots__ = ("_asleep", "in_chain", "leads")

    def __init__(self, request: InferenceRequest) -> None:
        super().__init__(request, *rows_and_group(request), can_lead=True)
        self.leads = False
        self.in_chain = False
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
        if seconds == inf:
            await self.arrival
            return True
        timer = self.loop.call_later(max(0.0, seconds), self.resolve)
        try:
            await self.arrival
        finally:
            timer.cancel()
        if self.is_delivered:
            return True
        self.arrival = self.loop.create_future()
        return False

    def resolve(self) -> None:
        """Wake the caller. Called in its loop."""
        if not self.arrival.done():
            self.arrival.set_result(None)


class WakeChains:
    """Threads that wake each other, ``_CHAINS`` at a time: more would wait for Python's lock as soon as they are awake.

    Each caller that was added calls ``pass_on`` once, when it goes on: woken by the one before it, or at its own deadline.
    Thread-safe without a lock: a deque's append and pop are atomic.
    """

    def __init__(self) -> None:
        self._asleep: deque[ThreadRequest] = deque()
        self._unused: deque[None] = deque([None] * _CHAINS)

    def add(self, requests: Sequence[ThreadRequest]) -> None:
        """Wake the callers of ``requests`` after those who are added already."""
        self._asleep.extend(requests)
        self._begin()

    def pass_on(self) -> None:
        """Wake the next caller."""
        try:
            queued = self._asleep.popleft()
        except IndexError:
            # The chain is unused first and the callers are looked at second; ``add`` does it the other way round.
            self._unused.append(None)
            self._begin()
            return
        queued.wake()

    def _begin(self) -> None:
        while self._asleep:
            try:
                self._unused.pop()
            except IndexError:
                return
            self.pass_on()


@dataclass(slots=True)
class WokenCallers:
    """Callers that may go on, and have to be woken.

    Attributes:
        leader: the request of the thread that leads, which may run another batch before its caller goes on.
        threads: those of other threads.
        loops: those of event loops.
    """

    leader: ThreadRequest | None = None
    threads: list[ThreadRequest] = field(default_factory=list)
    loops: dict[asyncio.AbstractEventLoop, list[LoopRequest]] = field(default_factory=dict)

    def wake(self, chains: WakeChains) -> None:
        """Wake the threads through ``chains``, and each event loop once."""
        if self.leader is not None:
            self.leader.wake()
        if self.threads:
            chains.add(self.threads)
        for loop, group in self.loops.items():
            try:
                loop.call_soon_threadsafe(_resolve_all, group)
            except RuntimeError as error:
                logger.debug("%d answers arrived after their event loop had ended: %s", len(group), error)


def deliver(requests: Iterable[QueuedRequest], leader: object = None) -> WokenCallers:
    """Deliver ``requests``, which have answers, to those callers who still wait, and return whom to wake.

    Hold the lock under which callers leave: one that has left wakes no other.
    """
    woken = WokenCallers()
    for queued in requests:
        if queued.state is not State.ANSWERED or queued.is_left:
            continue
        if isinstance(queued, LoopRequest):
            woken.loops.setdefault(queued.loop, []).append(queued)
        elif isinstance(queued, ThreadRequest):
            if queued is leader:
                woken.leader = queued
            # A thread that runs a batch looks for its answer after that. In a chain it would keep those behind it asleep.
            elif queued.can_lead:
                queued.in_chain = True
                woken.threads.append(queued)
        # Last: its thread looks at this without the lock, and goes on. Then it must know whether others wait behind it.
        queued.is_delivered = True
    return woken


def _resolve_all(requests: list[LoopRequest]) -> None:
    for queued in requests:
        queued.resolve()
