"""Threads that send requests, and the wait for all of them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from turnout.commands.bench.load.outcome import LoadOutcome

# A command that was interrupted ends after 5 s, whatever it does: the results so far must be printed within them.
_LEAVE_SECONDS = 3.0


class Callers:
    """Threads that each record into an outcome of their own. For one thread, which starts them and waits for them.

    Attributes:
        stop: set when the threads must end.
        count: the number of threads that run.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.count = 0
        self._ended: SimpleQueue[LoadOutcome | BaseException] = SimpleQueue()

    def start(self, work: Callable[[LoadOutcome], None]) -> None:
        """Start a thread that runs ``work``."""
        thread = threading.Thread(target=self._run, args=(work,), name=f"turnout-bench-{self.count}", daemon=True)
        thread.start()
        self.count += 1

    def wait(self) -> LoadOutcome:
        """Wait until every thread has ended; return their outcomes together. Raise what one of them raised."""
        total = LoadOutcome()
        # No join: CPython 3.11 marks a thread as ended if its join is interrupted.
        while self.count:
            ended = self._ended.get()
            self.count -= 1
            if isinstance(ended, BaseException):
                raise ended
            total.add(ended)
        return total

    def leave(self) -> None:
        """Let the threads end, and wait for them a few seconds: one inside an engine would abort the ending process."""
        self.stop.set()
        end = time.monotonic() + _LEAVE_SECONDS
        with contextlib.suppress(Empty):
            while self.count:
                self._ended.get(timeout=max(0.0, end - time.monotonic()))
                self.count -= 1

    def _run(self, work: Callable[[LoadOutcome], None]) -> None:
        outcome = LoadOutcome()
        try:
            work(outcome)
        except BaseException as error:  # noqa: BLE001  # raised in the waiting thread
            self._ended.put(error)
        else:
            self._ended.put(outcome)
