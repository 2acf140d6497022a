"""ShadowComparer the shadow what the primary has answered."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from time import perf_counter

from turnout.errors import InferenceError, TurnoutError, one_line
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.parity import Parity, Verdict, compare, failed
from turnout.rollout.shadow.mirrored_request import MirroredRequest
from turnout.rollout.shadow.policy import ShadowPolicy
from turnout.rollout.shadow.worst_mismatches import WorstMismatches

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of asking: the parity, how long the shadow took, and its answer if there was one."""

    parity: Parity
    seconds: float
    answer: InferenceResponse | None = None


class ShadowComparer:
    """Asks one shadow, which it owns, and keeps the worst of its answers. Thread-safe as far as the shadow is."""

    def __init__(self, shadow: ModelInference, policy: ShadowPolicy, model: str, backends: tuple[str, str]) -> None:
        self._shadow = shadow
        self._policy = policy
        self._model = model
        self._backend = backends[1]
        self._worst = WorstMismatches(policy.directory, policy.keep, model, backends)

    def ask(self, job: MirroredRequest) -> Comparison:
        """Ask, and compare with the primary's answer. Raises nothing."""
        start = perf_counter()
        deadline = time.monotonic() + self._policy.timeout_seconds
        try:
            answer = self._shadow.infer(InferenceRequest(job.inputs, deadline, job.id, job.parameters))
            seconds = perf_counter() - start
            return Comparison(compare(job.outputs, answer, self._policy.tolerances), seconds, answer)
        except TurnoutError as error:
            return Comparison(failed(error), perf_counter() - start)
        except Exception as error:  # no backend's, which have a boundary around them; it must not end the thread
            logger.exception("model %r: a mirrored request cannot be compared", self._model)
            return Comparison(failed(InferenceError(one_line(error))), perf_counter() - start)

    def keep(self, job: MirroredRequest, asked: Comparison) -> None:
        """Keep a mismatch if it is one of the worst."""
        if asked.answer is not None and asked.parity.verdict is Verdict.MISMATCH:
            self._worst.offer(job, asked.answer, asked.parity)

    def close(self) -> None:
        """Close the shadow; one that hangs is left behind."""
        closer = threading.Thread(target=self._close, name=f"turnout-shadow-{self._model}-close", daemon=True)
        closer.start()
        closer.join(self._policy.closing_seconds)
        if closer.is_alive():
            logger.warning("model %r: shadow %r hangs; it is left behind", self._model, self._backend)

    def _close(self) -> None:
        try:
            self._shadow.close()
        except Exception as error:  # noqa: BLE001  # nobody waits for it any more
            logger.warning("model %r: shadow %r cannot be closed: %s", self._model, self._backend, one_line(error))
