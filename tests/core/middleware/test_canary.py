"""A canary: a share of the requests, sticky by a key, never the loss of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
    ModelLoadError,
    NotReachedError,
    OverloadedError,
    TurnoutError,
)
from turnout.middleware.canary import Canary
from turnout.rollout.canary import CanaryPolicy
from turnout.testing import Answers, PlusOne, Streams

X = np.ones(1, np.float32)
OLD, NEW = InferenceResponse({"x": X}), InferenceResponse({"x": X + 1})
USERS = [f"user-{index}" for index in range(2000)]


def _canary(weight: float, *, key: str | None = "user", seed: int = 7) -> Canary:
    return Canary(Answers(OLD), Answers(NEW), CanaryPolicy("m", weight, key), random=Random(seed).random)


def _request(user: str | None = None) -> InferenceRequest:
    return InferenceRequest({"x": X}, parameters={} if user is None else {"user": user})


def _on_canary(canary: ModelInference, users: list[str]) -> set[str]:
    return {user for user in users if canary.infer(_request(user)) is NEW}


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.5, 1.0])
def test_the_share_of_requests_is_the_weight(weight: float) -> None:
    canary = _canary(weight, key=None)

    answers = Counter(canary.infer(_request()) is NEW for _ in range(4000))

    assert answers[True] == pytest.approx(4000 * weight, abs=4 * (4000 * weight * (1 - weight)) ** 0.5)


def _moved(make: Callable[[float], ModelInference]) -> tuple[int, int]:
    """Return how many users do not stay on their arm, and how many leave the canary while its weight grows."""
    small, again, large = (_on_canary(make(weight), USERS) for weight in (0.1, 0.1, 0.3))
    return len(small ^ again), len(small - large)


def test_a_user_stays_on_one_arm_and_growing_moves_users_to_the_canary_only() -> None:
    seeds = iter(range(100))

    assert _moved(lambda weight: _canary(weight, seed=next(seeds))) == (0, 0)


def test_a_canary_that_ignores_stickiness_is_caught() -> None:
    seeds = iter(range(100))

    moved, left = _moved(lambda weight: _canary(weight, key=None, seed=next(seeds)))

    assert moved > 100
    assert left > 50


def test_a_user_s_requests_are_on_one_arm_through_sixteen_threads() -> None:
    canary, few = _canary(0.5), USERS[:40]

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda user: (user, canary.infer(_request(user)) is NEW), few * 50))

    assert len(set(answers)) == len(few)
    assert {new for _, new in answers} == {True, False}


def test_requests_without_the_key_go_by_chance() -> None:
    canary = _canary(0.5)

    assert len({canary.infer(_request()) is NEW for _ in range(100)}) == 2


def test_one_seed_makes_one_series() -> None:
    first, second = ([_canary(0.3, key=None, seed=3).infer(_request()) is NEW for _ in range(50)] for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    "error", [BackendUnavailableError("down"), NotReachedError("down"), OverloadedError("full"), ModelLoadError("no file")]
)
def test_a_canary_that_cannot_answer_costs_no_request(error: TurnoutError) -> None:
    heard: list[TurnoutError] = []
    canary = Canary(Answers(OLD), Answers(error), CanaryPolicy("m", 1.0), heard.append)

    answers = [canary.infer(_request()) for _ in range(5)] + list(canary.infer_stream(_request()))

    assert answers == [OLD] * 6
    assert heard == [error] * 6


@pytest.mark.parametrize("error", [InferenceError("bad"), InvalidRequestError("bad"), DeadlineExceededError("late")])
def test_what_a_canary_answers_wrongly_is_the_caller_s(error: TurnoutError) -> None:
    primary = Answers(OLD)
    canary = Canary(primary, Answers(error), CanaryPolicy("m", 1.0))

    with pytest.raises(type(error)):
        canary.infer(_request())

    assert primary.requests == []


def test_the_primary_s_own_outage_is_not_hidden() -> None:
    canary = Canary(Answers(BackendUnavailableError("down")), Answers(NEW), CanaryPolicy("m", 0.0))

    with pytest.raises(BackendUnavailableError):
        canary.infer(_request())


def test_a_stream_that_has_started_is_not_started_again() -> None:
    canary = Canary(Streams(OLD), Streams(NEW, BackendUnavailableError("down")), CanaryPolicy("m", 1.0))

    stream: Iterator[InferenceResponse] = canary.infer_stream(_request())

    assert next(stream) is NEW
    with pytest.raises(BackendUnavailableError):
        next(stream)


def test_a_stream_of_the_primary_is_passed_on() -> None:
    canary = Canary(Streams(OLD, OLD), Streams(NEW), CanaryPolicy("m", 0.0))

    assert list(canary.infer_stream(_request())) == [OLD, OLD]


def test_both_arms_are_closed() -> None:
    primary, other = PlusOne(), PlusOne()

    Canary(primary, other, CanaryPolicy("m", 0.5)).close()

    assert (primary.ready(), other.ready()) == (False, False)
