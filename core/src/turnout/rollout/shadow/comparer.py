"""A shadow comparer: sends mirrored requests to the shadow and compares its answers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from turnout.errors import InferenceError, TurnoutError, one_line
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.log_pace import LogPace
from turnout.parity import Parity, Verdict, compare, parity_of_error
from turnout.rollout.shadow.mirrored_request import MirroredRequest
from turnout.rollout.shadow.policy import ShadowPolicy
from turnout.rollout.shadow.worst_mismatches import WorstMismatches

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request to the shadow: the parity, the shadow's latency in seconds, and its answer if there was one."""

    parity: Parity
    seconds: float
    answer: InferenceResponse | None = None


class ShadowComparer:
    """Owns one shadow, and keeps the worst of its answers. As thread-safe as the shadow."""

    def __init__(
        self,
        shadow: ModelInference,
        policy: ShadowPolicy,
        model: str,
        backends: tuple[str, str],
        release: Callable[[], object],
    ) -> None:
        """Send requests to ``shadow``, which ``close`` releases with ``release``."""
        self._shadow = shadow
        self._release = release
        self._policy = policy
        self._model = model
        self._backend = backends[1]
        self._pace = LogPace()
        self._worst = WorstMismatches(policy.directory, policy.keep, model, backends)

    def compare(self, request: MirroredRequest) -> Comparison:
        """Send ``request`` to the shadow, and compare with the primary's answer. Never raises."""
        start = perf_counter()
        # The caller's deadline is over by now; the shadow has time of its own.
        deadline = time.monotonic() + self._policy.timeout_seconds
        try:
            answer = self._shadow.infer(InferenceRequest(request.inputs, deadline, request.id, request.parameters))
            seconds = perf_counter() - start
            return Comparison(compare(request.outputs, answer, self._policy.tolerances), seconds, answer)
        except TurnoutError as error:
            return Comparison(parity_of_error(error), perf_counter() - start)
        except Exception as error:  # not a backend's error, which its boundary translates; it must not end the thread
            if self._pace.admit() is not None:
                logger.exception("model %r: a mirrored request cannot be compared", self._model)
            return Comparison(parity_of_error(InferenceError(one_line(error))), perf_counter() - start)

    def keep(self, request: MirroredRequest, comparison: Comparison) -> None:
        """Write a mismatch to disk if it is one of the worst."""
        if comparison.answer is not None and comparison.parity.verdict is Verdict.MISMATCH:
            self._worst.offer(request, comparison.answer, comparison.parity)

    def close(self) -> None:
        """Release the shadow; after ``closing_seconds`` abandon one that hangs."""
        # In a thread, because a client that hangs may hang in its close too.
        closer = threading.Thread(target=self._close, name=f"turnout-shadow-{self._model}-close", daemon=True)
        closer.start()
        closer.join(self._policy.closing_seconds)
        if closer.is_alive():
            logger.warning("model %r: shadow %r hangs in close and is abandoned", self._model, self._backend)

    def _close(self) -> None:
        try:
            self._release()
        except Exception as error:  # noqa: BLE001  # no caller waits for it
            logger.warning("model %r: shadow %r cannot be closed: %s", self._model, self._backend, one_line(error))
