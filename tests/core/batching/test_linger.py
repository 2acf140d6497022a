"""How many requests a batch waits for and takes, on a clock of the test's."""

from __future__ import annotations

from math import inf

import pytest

from turnout.batching.linger import Linger

CALLERS = 32


class Loop:
    """Callers in a closed loop: each execution takes as long as ``seconds`` says, by how many requests it has."""

    def __init__(self, linger: Linger, seconds) -> None:
        self.linger = linger
        self.seconds = seconds
        self.now = 100.0
        self.sizes: list[int] = []

    def run(self, executions: int) -> None:
        for _ in range(executions):
            size = int(min(CALLERS, self.linger.most))
            took = self.seconds(size)
            self.now += took
            self.sizes.append(size)
            self.linger.executed(size, CALLERS - size, took, self.now)


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        (lambda size: 0.002 + 50e-6 * size, CALLERS),
        (lambda size: 1e-4 * size, CALLERS),
        (lambda size: 1e-4 * size * (1.0 if size == CALLERS else 0.98), CALLERS),
        (lambda size: 1e-4 * size * (1.0 if size == CALLERS else 0.8), CALLERS // 2),
    ],
    ids=["an accelerator", "alike", "hardly worse", "halves are faster"],
)
def test_the_faster_of_all_and_half_of_the_callers_is_kept(seconds, kept) -> None:
    loop = Loop(Linger(CALLERS), seconds)

    loop.run(4000)

    assert loop.sizes.count(kept) > 3400
    assert {CALLERS, CALLERS // 2} == set(loop.sizes)


def test_a_model_that_changes_is_measured_again() -> None:
    loop = Loop(Linger(CALLERS), lambda size: 1e-3 * size)
    loop.run(3000)

    loop.seconds = lambda size: 1e-3 * size * (1.0 if size == CALLERS else 0.5)
    loop.run(6000)

    assert loop.sizes[-500:].count(CALLERS // 2) > 400


def test_a_lone_caller_waits_for_no_other() -> None:
    linger = Linger(CALLERS)
    for step in range(100):
        assert linger.wait_seconds(1, step) == 0.0
        linger.executed(1, 0, 0.001, step + 0.5)

    assert (linger.callers, linger.target, linger.most) == (1, 1, inf)


def test_callers_that_left_are_not_expected_for_long() -> None:
    linger = Linger(CALLERS)
    Loop(linger, lambda size: 1e-3).run(100)

    now, waits = 1000.0, 0
    for _ in range(40):
        while (seconds := linger.wait_seconds(1, now)) > 0:
            now += seconds
            waits += 1
        linger.end()
        linger.executed(1, 0, 1e-3, now)

    assert linger.callers == 1
    assert waits < 40


@pytest.mark.parametrize("paused", range(0, 48, 3))
def test_one_pause_of_the_machine_decides_no_trial(paused) -> None:
    loop = Loop(Linger(CALLERS), lambda size: 0.004 + 50e-6 * size)
    loop.run(paused)

    loop.now += 0.06
    loop.run(300)

    assert loop.sizes[-100:] == [CALLERS] * 100
