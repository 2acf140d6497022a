"""Callers in a queue: threads that wait, and event loops that must not."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from math import inf

from turnout.batching.queued import QueuedRequest
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
        if self._asleep.locked():
            self._asleep.release()


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
        if self.is_answered():
            return True
        self.arrival = self.loop.create_future()
        return False

    def resolve(self) -> None:
        """Wake the caller. Called in its loop."""
        if not self.arrival.done():
            self.arrival.set_result(None)


def wake_callers(requests: Iterable[QueuedRequest]) -> None:
    """Let the callers of ``requests``, which have an answer, go on."""
    answered = [queued for queued in requests if queued.is_answered()]
    _wake_threads([queued for queued in answered if isinstance(queued, ThreadRequest)])
    _wake_loops([queued for queued in answered if isinstance(queued, LoopRequest)])


def _wake_threads(requests: list[ThreadRequest]) -> None:
    """Wake the first threads, each of which wakes the next but one: all at once would only wait for Python's lock."""
    for queued, following in zip(requests, requests[_CHAINS:], strict=False):
        queued.following = following
    for queued in requests[:_CHAINS]:
        queued.wake()


def _wake_loops(requests: list[LoopRequest]) -> None:
    """Wake each event loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[LoopRequest]] = {}
    for queued in requests:
        loops.setdefault(queued.loop, []).append(queued)
    for loop, group in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve_all, group)
        except RuntimeError as error:
            logger.debug("%d answers arrived after their event loop had ended: %s", len(group), error)


def _resolve_all(requests: list[LoopRequest]) -> None:
    for queued in requests:
        queued.resolve()
