"""Where the requests to a model run."""

from __future__ import annotations

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse
from turnout.errors import InferenceError
from turnout_web.kserve.pace import QUICK_SECONDS, Pace

REQUEST = InferenceRequest({"x": np.ones(1, np.float32)})


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Answers:
    def __init__(self) -> None:
        self.fails = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self.fails:
            raise InferenceError("it fails")
        return InferenceResponse(request.inputs)


class Paced:
    """A pace with a clock of its own, whose model only computes while ``alone``."""

    def __init__(self) -> None:
        self.clock, self.model, self.alone = Clock(), Answers(), True
        self.pace = Pace(self.model, lambda: self.alone, self.clock)

    def learn(self, cpu_seconds: float, wall_seconds: float | None = None, times: int = 8) -> bool:
        for _ in range(times):
            assert self.pace.wants_sample()
            self.pace.note(cpu_seconds, cpu_seconds if wall_seconds is None else wall_seconds)
        return self.pace.is_quick()


def test_a_model_is_quick_when_eight_requests_have_shown_it() -> None:
    paced = Paced()

    assert not paced.learn(QUICK_SECONDS / 10, times=7)
    assert paced.learn(QUICK_SECONDS / 10, times=1)


@pytest.mark.parametrize(("slow", "is_quick"), [(1, True), (3, True), (4, False), (7, False)])
def test_a_model_is_quick_if_it_is_so_for_most_requests(slow: int, is_quick: bool) -> None:
    paced = Paced()

    paced.learn(QUICK_SECONDS * 20, times=slow)

    assert paced.learn(QUICK_SECONDS / 10, times=8 - slow) is is_quick


def test_samples_that_end_in_two_threads_at_once_decide_too() -> None:
    paced = Paced()
    paced.learn(QUICK_SECONDS / 10, times=7)

    class Twice(list[float]):
        def append(self, sample: float) -> None:
            super().extend((sample, sample))

    paced.pace._samples = Twice(paced.pace._samples)
    paced.pace.note(QUICK_SECONDS / 10, QUICK_SECONDS / 10)

    assert paced.pace.is_quick()


def test_a_model_that_computes_for_long_is_not_quick_and_is_asked_again_later_and_later() -> None:
    paced = Paced()

    for pause in (1, 2, 4, 8, 16, 30, 30):
        assert not paced.learn(QUICK_SECONDS * 1.1)
        paced.clock.now += pause - 0.1
        assert not paced.pace.wants_sample()
        paced.clock.now += 0.2

    assert paced.learn(QUICK_SECONDS / 2)


def test_a_model_that_waits_for_a_gpu_is_not_quick() -> None:
    assert not Paced().learn(QUICK_SECONDS / 10, wall_seconds=0.05)


def test_a_wait_for_the_interpreter_does_not_count() -> None:
    assert Paced().learn(QUICK_SECONDS / 10, wall_seconds=0.008)


def test_a_model_that_may_wait_for_others_is_never_quick() -> None:
    paced = Paced()
    paced.alone = False

    assert not paced.learn(QUICK_SECONDS / 10)


def test_a_reload_that_lets_it_wait_for_others_is_noticed_within_a_second() -> None:
    paced = Paced()
    assert paced.learn(QUICK_SECONDS / 10)

    paced.alone = False
    paced.clock.now += 1.1

    assert not paced.pace.is_quick()


@pytest.mark.parametrize(("took", "times", "stays"), [(0.001, 100, True), (0.005, 2, True), (0.005, 3, False), (1.5, 1, False)])
def test_late_calls_in_a_row_end_it(took, times, stays, monkeypatch) -> None:
    paced, now = Paced(), [0.0]
    assert paced.learn(QUICK_SECONDS / 10)
    monkeypatch.setattr("time.perf_counter", lambda: now.__setitem__(0, now[0] + took) or now[0])

    for _ in range(times):
        paced.pace.answer(REQUEST)

    assert paced.pace.is_quick() is stays
    assert stays or not paced.pace.wants_sample()


def test_one_late_call_among_many_changes_nothing(monkeypatch) -> None:
    paced, times = Paced(), iter([0, 0.005, 1, 1.005, 2, 2.00001, 3, 3.005, 4, 4.005])
    assert paced.learn(QUICK_SECONDS / 10)
    monkeypatch.setattr("time.perf_counter", lambda: next(times))

    for _ in range(5):
        paced.pace.answer(REQUEST)

    assert paced.pace.is_quick()


def test_an_error_passes_and_changes_nothing() -> None:
    paced = Paced()
    assert paced.learn(QUICK_SECONDS / 10)
    paced.model.fails = True

    with pytest.raises(InferenceError):
        paced.pace.answer(REQUEST)
    paced.model.fails = False

    assert paced.pace.is_quick()
    assert paced.pace.answer(REQUEST).outputs is REQUEST.inputs


def test_a_sample_is_the_answer_and_is_noted() -> None:
    paced = Paced()

    for _ in range(8):
        assert paced.pace.sample(REQUEST).outputs is REQUEST.inputs

    assert paced.pace.is_quick()
