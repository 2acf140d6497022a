"""The time of one part of a step in a run, and what answered it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from turnout.inference import InferenceResponse


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """A backend and version that answered requests of a step.

    Attributes:
        backend: the backend; empty if it is not known.
        version: the version of the model; empty if the backend has none.
        requests: how many requests it answered.
    """

    backend: str
    version: str
    requests: int


@dataclass(frozen=True, slots=True)
class StepPart:
    """A part of a step in one run.

    Attributes:
        step: the step's name.
        part: ``preprocess``, ``inference`` or ``postprocess`` of a step with a model, ``process`` of one without.
        start: seconds from the start of the run.
        seconds: how long the part took.
        model: the model that the step calls; None if it calls none.
        answered_by: what answered the requests of ``inference``, the most frequent first; failed requests are not counted.
    """

    step: str
    part: str
    start: float
    seconds: float
    model: str | None = None
    answered_by: tuple[AnsweredBy, ...] = ()


def count_answers(responses: Iterable[InferenceResponse]) -> tuple[AnsweredBy, ...]:
    """Return what answered ``responses``, the most frequent first."""
    arms = Counter((response.backend, response.model_version) for response in responses if response.error is None)
    return tuple(AnsweredBy(backend, version, requests) for (backend, version), requests in arms.most_common())
