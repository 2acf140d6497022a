"""The trials of neighbours and of a server's answers report the faults that they look for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from tests.hostile.areas.answers import OUTPUT, Answers, http_stranger, outputs, sends
from tests.hostile.areas.neighbours import Beside, onnxruntime, small, triton
from tests.hostile.areas.timeouts import grown
from tests.hostile.soak.figures import Figures

from turnout.resilience.blame import Blame


def test_a_breaker_that_counts_every_failure_is_reported(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("turnout.resilience.circuit.blame_for", lambda *_: Blame.BACKEND)

    found = Beside("trap", partial(triton, protocol="grpc"), ("index",), seconds=0.5).problems(tmp_path)

    assert "good requests failed" in found[0]


def test_callers_who_send_nothing_bad_prove_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tests.hostile.areas.neighbours.BAD", {"none": {}})

    found = Beside("trap", onnxruntime, ("none",), small, 0.2).problems(tmp_path)

    assert "prove nothing" in found[0]


@pytest.fixture
def good() -> Answers:
    def serve():
        return http_stranger(sends(outputs(OUTPUT)))

    return Answers("trap", {"accepted": serve}, serve)


def test_an_answer_that_is_accepted_is_reported(good, tmp_path) -> None:
    assert good.problems(tmp_path) == ["accepted: no typed error: [[1.0, 1.0, 1.0, 1.0]]"]


def test_an_app_that_is_late_and_large_is_reported(good, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tests.hostile.areas.answers.SLACK_SECONDS", -5)
    monkeypatch.setattr("tests.hostile.areas.answers.MEGABYTES", -1)

    found = " ".join(good.problems(tmp_path))

    assert "s alone" in found
    assert "MB" in found


@pytest.mark.parametrize(
    ("figure", "values", "is_found"),
    [
        ("megabytes", (100, 120, 140), True),
        ("megabytes", (100, 130, 131), False),
        ("megabytes", (100, 101, 130), True),
        ("descriptors", (20, 40, 40), True),
        ("regions", (2, 3, 3), True),
        ("threads", (5, 6, 7), False),
    ],
)
def test_what_grows_is_found_and_memory_that_grew_once_is_not(figure: str, values: tuple[int, ...], is_found: bool) -> None:
    samples = [replace(Figures(0, 0, 0, 0, 0, 0, 0), **{figure: value}) for value in values]

    assert bool(grown(*samples)) == is_found
