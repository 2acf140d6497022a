"""The soak of ``benchmarks/soak.py``: a leak that is planted is found, and a flat process is flat."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.hostile.soak.callers import Request, Tally
from tests.hostile.soak.figures import TOLERANCES, Figures, problems

SOAK = Path(__file__).parent.parent.parent / "benchmarks" / "soak.py"
FLAT = Figures(0, 300.0, 40, 60, 20, 1, 1)


@pytest.mark.parametrize("name", sorted(TOLERANCES))
def test_a_figure_that_grows_is_found(name) -> None:
    samples = [replace(FLAT, **{name: getattr(FLAT, name) + TOLERANCES[name] * number / 20}) for number in range(80)]

    assert [problem.split()[0] for problem in problems(samples)] == [name]


def test_what_grows_in_the_first_quarter_only_is_flat() -> None:
    samples = [replace(FLAT, megabytes=200.0 + min(number, 20) * 10) for number in range(80)]

    assert problems(samples) == []


def test_a_run_without_samples_is_no_proof() -> None:
    assert problems([FLAT] * 3) == ["3 samples are too few for a verdict"]


def test_lost_and_wrong_requests_are_found() -> None:
    tally = Tally()
    for outcome in ("good: answered", "!good: wrong answer"):
        tally.send()
        tally.end(outcome, "an example")
    tally.send()

    assert tally.problems() == ["1 requests were lost", "1 requests ended as '!good: wrong answer': an example"]


class Drawn:
    """A source of chance that always draws a good and small request."""

    def random(self) -> float:
        return 0.5

    def choice(self, choices):
        return choices[0]


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (lambda request: {"y": request.x}, "good: answered"),
        (lambda request: {"y": request.x + 1}, "!good: wrong answer"),
        (lambda request: KeyError("raw"), "!good: KeyError"),
    ],
)
def test_an_answer_is_compared_with_its_own_request(result, outcome) -> None:
    request = Request(True, Drawn())

    assert request.outcome(result(request)) == outcome


def test_planted_leaks_fail_a_short_soak() -> None:
    command = [sys.executable, str(SOAK), "--minutes", "0.2", "--sabotage", "descriptors", "memory", "threads"]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)

    failures = {line.split()[1] for line in ended.stdout.splitlines() if line.startswith("FAIL ")}
    assert (ended.returncode, failures) == (1, {"descriptors", "megabytes", "threads"}), ended.stdout + ended.stderr
