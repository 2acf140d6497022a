"""Logging of an arm's first failure."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from turnout.errors import ClosedError, InvalidRequestError, ModelLoadError, OverloadedError, TurnoutError, one_line
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware

logger = logging.getLogger(__name__)

_HARMLESS = (InvalidRequestError, OverloadedError, ClosedError)
_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ArmFailures:
    """The failures of an arm: how many in a row without an answer after them, the last one of all, and its age.

    ``last`` is empty, and ``age_seconds`` infinite, before the first failure.
    """

    in_a_row: int = 0
    last: str = ""
    age_seconds: float = float("inf")
    cannot_open: bool = False


class OutageLog(Middleware):
    """Logs the first failure of ``inner``, and the first after it has answered again: at most one line a minute.

    A wrong request, a full queue and a closed app are no failures of ``inner``. Thread-safe: what a failure changes is under
    ``_lock``; the other flags are only set, which is atomic.

    Attributes:
        backend: the backend of the arm.
    """

    def __init__(self, inner: ModelInference, model: str, backend: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner)
        self._infer, self._ainfer = inner.infer, inner.ainfer
        self.backend = backend
        self._fields = {"model": model, "backend": backend}
        self._name = f"model {model!r} on backend {backend!r}"
        self._clock = clock
        self._answering = False
        self._answered = False
        self._logged = False
        self._next_line = clock()
        self._failed: tuple[int, str, float, bool] = (0, "", float("-inf"), False)
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        try:
            response = self._infer(request)
        except TurnoutError as error:
            self._record_failure(error)
            raise
        if not self._answering:
            self._answering = self._answered = True
        return response

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        try:
            response = await self._ainfer(request)
        except TurnoutError as error:
            self._record_failure(error)
            raise
        if not self._answering:
            self._answering = self._answered = True
        return response

    @contextmanager
    def span(self, request: InferenceRequest) -> Iterator[None]:
        try:
            yield
        except TurnoutError as error:
            self._record_failure(error)
            raise
        self._answering = self._answered = True

    def failures(self) -> ArmFailures:
        """Return what is known of the failures."""
        in_a_row, last, at, cannot_open = self._failed
        return ArmFailures(0 if self._answering else in_a_row, last, self._clock() - at, cannot_open)

    def _record_failure(self, error: TurnoutError) -> None:
        if isinstance(error, _HARMLESS):
            return
        text = one_line(error)
        with self._lock:
            in_a_row = 0 if self._answering else self._failed[0]
            # One tuple, so that a reader without the lock gets the facts of one failure.
            self._failed = (in_a_row + 1, text, self._clock(), isinstance(error, ModelLoadError))
            if self._answering:
                self._answering = self._logged = False
            now = self._clock()
            # A backend that fails now and then gets no line in this minute, but one later if it is still failing then.
            if self._logged or now < self._next_line:
                return
            self._logged, self._next_line = True, now + _PAUSE_SECONDS
        state = "fails after it has answered" if self._answered else "fails and has not answered yet"
        logger.warning(
            "%s %s; see turnout_inference_requests_total. First error: %s", self._name, state, text, extra=self._fields
        )
