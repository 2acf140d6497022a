"""Where the requests to a model run: in the event loop if the model is quick, otherwise in a thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from turnout import InferenceRequest, InferenceResponse, Model

QUICK_SECONDS = 0.00025
_SAMPLES = 8
_LOOK_SECONDS = 1.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
# One late call may have lost the processor meanwhile; three in a row are the model.
_LATE_SECONDS, _MOST_LATE_IN_A_ROW, _TOO_LATE_SECONDS = 0.002, 3, 1.0
_WAITED_SECONDS = 0.02


class Pace:
    """Learns how long one model computes. ``note`` is thread-safe, the rest belongs to one event loop.

    The way to a thread and back costs 50 to 100 us, and both threads want the interpreter: for a model that takes less than
    that, it is better to let the loop wait. The first requests are measured in threads: five of eight must take so little CPU,
    for on a busy machine some are slow for another reason. If not, eight others are measured after a second, then after two
    more, and so on up to half a minute. Each request in the loop is measured too, and three late ones in a row, or a very late
    one, end it for half a minute.
    """

    __slots__ = ("_again_at", "_clock", "_is_quick", "_late", "_look_at", "_model", "_pause", "_samples", "_waits_for_nothing")

    def __init__(
        self, model: Model, waits_for_nothing: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model, self._waits_for_nothing, self._clock = model, waits_for_nothing, clock
        self._is_quick = False
        self._look_at = self._again_at = 0.0
        self._late = 0
        self._pause = _FIRST_PAUSE_SECONDS
        self._samples: list[float] = []

    def is_quick(self) -> bool:
        """Return whether the next request should run in the loop, by ``answer``."""
        if self._is_quick and (now := self._clock()) >= self._look_at:
            # A reload may have given the model another backend, or a fallback.
            self._look_at = now + _LOOK_SECONDS
            if not self._waits_for_nothing():
                self._stop(0.0)
        return self._is_quick

    def wants_sample(self) -> bool:
        """Return whether the next request should run in a thread, by ``sample``."""
        if len(self._samples) < _SAMPLES:
            return True
        if self._clock() < self._again_at:
            return False
        self._samples = []
        return True

    def sample(self, request: InferenceRequest) -> InferenceResponse:
        """Answer ``request`` and note how long it took. Raises as ``Model.infer``."""
        cpu, wall = time.thread_time(), time.perf_counter()
        response = self._model.infer(request)
        self.note(time.thread_time() - cpu, time.perf_counter() - wall)
        return response

    def note(self, cpu_seconds: float, wall_seconds: float) -> None:
        """Note a request that ran in a thread."""
        samples = self._samples
        # Not the time on the clock: the loop has the interpreter meanwhile. A GPU works without the CPU.
        samples.append(cpu_seconds if wall_seconds < _WAITED_SECONDS else wall_seconds)
        # Two threads may have added one each.
        if len(samples) >= _SAMPLES:
            self._again_at = self._clock() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
            # One may have opened the model, or met a page that was not in memory.
            self._is_quick = sorted(samples)[_SAMPLES // 2] < QUICK_SECONDS and self._waits_for_nothing()

    def answer(self, request: InferenceRequest) -> InferenceResponse:
        """Answer ``request`` in the loop. Raises as ``Model.infer``."""
        started = time.perf_counter()
        try:
            return self._model.infer(request)
        finally:
            took = time.perf_counter() - started
            if took < _LATE_SECONDS:
                self._late = 0
            else:
                self._late += 1
                if self._late >= _MOST_LATE_IN_A_ROW or took > _TOO_LATE_SECONDS:
                    self._stop(_LONGEST_PAUSE_SECONDS)

    def _stop(self, seconds: float) -> None:
        self._is_quick, self._late, self._again_at = False, 0, self._clock() + seconds
