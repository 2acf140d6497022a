from __future__ import annotations

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import ClosedError
from turnout.serving.shared_arms import SharedArms
from turnout.testing import PlusOne, Streams

X = {"x": np.ones(1)}


class Made:
    """Makes arms and keeps them."""

    def __init__(self) -> None:
        self.arms: list[PlusOne] = []

    def __call__(self) -> ModelInference:
        self.arms.append(PlusOne())
        return self.arms[-1]


def test_one_arm_serves_all_leases_and_is_closed_with_the_last() -> None:
    shared, made = SharedArms(), Made()
    first, second = (shared.lease("m", "b", ("options",), made) for _ in range(2))

    first.close()
    first.close()
    after_one = second.infer(InferenceRequest(X))["x"].tolist(), second.ready()
    second.close()

    assert after_one == ([2], True)
    assert [arm.ready() for arm in made.arms] == [False]


def test_other_options_are_another_arm_and_the_old_one_lives_as_long_as_its_leases() -> None:
    shared, made = SharedArms(), Made()
    old = shared.lease("m", "b", 1, made)
    new = shared.lease("m", "b", 2, made)

    assert [arm.ready() for arm in made.arms] == [True, True]
    old.close()
    assert [arm.ready() for arm in made.arms] == [False, True]
    again = shared.lease("m", "b", 2, made)
    new.close()
    assert again.infer(InferenceRequest(X))["x"].tolist() == [2]


def test_models_and_backends_share_nothing() -> None:
    shared, made = SharedArms(), Made()

    for model, backend in (("m", "a"), ("m", "b"), ("n", "a")):
        shared.lease(model, backend, 1, made)

    assert len(made.arms) == 3


def test_an_arm_that_was_given_back_is_made_anew() -> None:
    shared, made = SharedArms(), Made()
    first = shared.lease("m", "b", 1, made)
    first.close()

    second = shared.lease("m", "b", 1, made)

    with pytest.raises(ClosedError):
        first.infer(InferenceRequest(X))
    assert second.infer(InferenceRequest(X))["x"].tolist() == [2]


def test_streams_pass() -> None:
    answers = [InferenceResponse({}), InferenceResponse({})]

    assert list(SharedArms().lease("m", "b", 1, lambda: Streams(*answers)).infer_stream(InferenceRequest(X))) == answers
