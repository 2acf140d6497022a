"""Logging of an arm's first failure."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from turnout.errors import ClosedError, InvalidRequestError, OverloadedError, TurnoutError, one_line
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware

logger = logging.getLogger(__name__)

_HARMLESS = (InvalidRequestError, OverloadedError, ClosedError)
_PAUSE_SECONDS = 60.0


class OutageLog(Middleware):
    """Logs the first failure of ``inner``, and the first after it has answered again: at most one line a minute.

    A wrong request, a full queue and a closed app are no failures of ``inner``. Thread-safe: ``_logged`` and ``_next_line``
    change under ``_lock``; the other flags are only set, which is atomic.
    """

    def __init__(self, inner: ModelInference, model: str, backend: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner)
        self._infer, self._ainfer = inner.infer, inner.ainfer
        self._name = f"model {model!r} on backend {backend!r}"
        self._clock = clock
        self._answering = False
        self._answered = False
        self._logged = False
        self._next_line = clock()
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

    def _record_failure(self, error: TurnoutError) -> None:
        if isinstance(error, _HARMLESS):
            return
        with self._lock:
            if self._answering:
                self._answering = self._logged = False
            now = self._clock()
            # A backend that fails now and then gets no line in this minute, but one later if it is still failing then.
            if self._logged or now < self._next_line:
                return
            self._logged, self._next_line = True, now + _PAUSE_SECONDS
        state = "fails after it has answered" if self._answered else "fails and has not answered yet"
        logger.warning("%s %s; see turnout_inference_requests_total. First error: %s", self._name, state, one_line(error))
