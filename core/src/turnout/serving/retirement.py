"""Closing what no longer serves, once its last call has ended."""

from __future__ import annotations

import logging
import threading

from turnout.errors import one_line
from turnout.serving.generation import Generation

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0


class Retirement:
    """Waits, in a thread each, for retired generations of one model to drain, and closes them.

    Thread-safe: ``_leaving`` is under ``_lock``. The threads are daemons: a call that hangs must not keep the process.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._leaving: dict[threading.Thread, Generation] = {}

    def take(self, generation: Generation) -> None:
        """Close ``generation``, which another has replaced, when its calls have ended. Does not wait."""
        thread = threading.Thread(
            target=self._close_when_drained, args=(generation,), name=f"turnout-retire-{self._model}", daemon=True
        )
        with self._lock:
            self._leaving[thread] = generation
        generation.retire()
        thread.start()

    def close(self) -> None:
        """Close all that is left now, calls under way or not, and wait for it some seconds."""
        with self._lock:
            leaving = dict(self._leaving)
        for generation in leaving.values():
            generation.drained.set()
        for thread in leaving:
            thread.join(CLOSE_SECONDS)

    def _close_when_drained(self, generation: Generation) -> None:
        generation.drained.wait()
        try:
            generation.inner.close()
        except Exception as error:  # noqa: BLE001  # another serves already; nobody else could hear of it
            logger.warning("what served model %r before cannot be closed: %s", self._model, one_line(error))
        with self._lock:
            self._leaving.pop(threading.current_thread(), None)
