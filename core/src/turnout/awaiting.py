"""Waiting in an event loop for work that runs in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from time import monotonic
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Threads(Protocol):
    """Threads that run blocking work."""

    def call(self, work: Callable[[], T], *, name: str = "") -> Future[T]:
        """Start ``work`` in a thread and return its future; a log line calls it ``name`` if it hangs. Does not block.

        Raises:
            ClosedError: the threads have ended.
        """


class ThreadEach:
    """Runs each work in a daemon thread of its own, for what belongs to no app."""

    def call(self, work: Callable[[], T], *, name: str = "") -> Future[T]:
        """Start ``work`` and return its future."""
        future: Future[T] = Future()
        threading.Thread(target=_run, args=(future, work), name="turnout-work", daemon=True).start()
        return future


def _ignore(_: Any) -> None:
    return None


def _run(future: Future[T], work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  # raised where the future is read
        future.set_exception(error)
    else:
        future.set_result(result)


async def is_done_by(deadline: float | None, future: Future[Any]) -> bool:
    """Wait until ``future`` has ended; return False at ``deadline``, on the clock of ``time.monotonic()``.

    A wait that is cancelled leaves the future as it is; ``asyncio.wrap_future`` would cancel it for all who wait.
    """
    if future.done():
        return True
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def wake_from_thread(_: object) -> None:
        # asyncio.run may have closed the loop before a thread that it left behind has ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(wake)

    future.add_done_callback(wake_from_thread)
    timer = None if deadline is None else loop.call_later(max(0.0, deadline - monotonic()), wake)
    try:
        await waiter
    finally:
        if timer is not None:
            timer.cancel()
    return future.done()


async def run_in(
    threads: Threads,
    work: Callable[[], T],
    deadline: float | None = None,
    discard: Callable[[T], object] = _ignore,
    *,
    name: str = "",
) -> T:
    """Return what ``work`` returns in one of ``threads``.

    If the wait is cancelled or ends at ``deadline``, work that has not started never starts; other work runs to its end, and
    ``discard`` gets its result there.

    Raises:
        TimeoutError: the deadline has passed.
        ClosedError: the threads have ended.
    """
    future = threads.call(work, name=name)
    done = False
    try:
        done = await is_done_by(deadline, future)
    finally:
        if not done and not future.cancel():
            future.add_done_callback(lambda ended: ended.exception() or discard(ended.result()))
    if not done:
        raise TimeoutError
    return future.result()


def is_being_cancelled() -> bool:
    """Return whether the running task is being cancelled; a CancelledError without that is an error of foreign code."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop in this thread
        return False
    return task is not None and task.cancelling() > 0
