"""The one thread of a process that writes records, whatever recording they belong to."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from turnout.forking import Forks

_LAST_SECONDS = 1.0


class Writes(Protocol):
    """A recording, to the thread that writes for it."""

    def write(self, item: object) -> float:
        """Write ``item``; return how many seconds the thread rests after it. Never raises."""


class WritingThread:
    """Writes the items of all recordings in the order in which they came. It starts with the first item.

    Reloads replace recordings faster than a disk writes: with a thread each, the replaced ones would compete with the one that
    serves. Thread-safe: ``_waiting``, ``_open``, ``_closing``, ``_writing`` and ``_thread`` are under ``_changed``. A forked
    child has no items.
    """

    def __init__(self) -> None:
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Forget the thread, the lock and the items of the parent."""
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Writes, object]] = deque()
        self._open: set[Writes] = set()
        self._closing: set[Writes] = set()
        self._thread: threading.Thread | None = None
        self._writing: Writes | None = None

    def put(self, recording: Writes, item: object) -> None:
        """Add an item of ``recording``."""
        with self._changed:
            self._waiting.append((recording, item))
            self._open.add(recording)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="turnout-record", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def hurry(self, recording: Writes) -> None:
        """Write without rest while items of ``recording`` wait: its caller waits for them."""
        with self._changed:
            if recording in self._open:
                self._closing.add(recording)
                self._changed.notify_all()

    def withdraw(self, recording: Writes) -> list[object]:
        """Remove ``recording``; return its items that are not written yet. The last recording ends the thread.

        Blocks for a second at most while one of its items is written.
        """
        with self._changed:
            left = [item for owner, item in self._waiting if owner is recording]
            self._waiting = deque((owner, item) for owner, item in self._waiting if owner is not recording)
            self._open.discard(recording)
            self._closing.discard(recording)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._writing is not recording, _LAST_SECONDS)
            thread = None if self._open or self._writing is recording else self._thread
        if thread is not None:
            thread.join(_LAST_SECONDS)
        return left

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or not self._open)
                if not self._waiting:
                    self._thread = None
                    return
                self._writing, item = self._waiting.popleft()
            rest = self._writing.write(item)
            with self._changed:
                self._writing = None
                self._changed.notify_all()
                # So that callers get the interpreter: a thread that computes all the time delays each of them by 5 ms.
                self._changed.wait_for(lambda: not self._open or self._is_in_a_hurry(), rest)

    def _is_in_a_hurry(self) -> bool:
        # Not as long as such a recording is open: a request that hangs may keep its deployment for hours.
        return bool(self._closing) and any(owner in self._closing for owner, _ in self._waiting)


WRITING_THREAD = WritingThread()
