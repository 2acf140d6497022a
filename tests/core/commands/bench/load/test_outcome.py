"""The outcome of a load."""

from __future__ import annotations

from collections import Counter

from turnout.commands.bench.load.outcome import LoadOutcome
from turnout.errors import InferenceError


def test_the_message_of_the_first_failure_of_each_name_is_kept() -> None:
    together = LoadOutcome()
    together.add(LoadOutcome([1.0], Counter(A=1), {"A": "first"}))
    together.add(LoadOutcome([2.0], Counter(A=2, B=1), {"A": "second", "B": "other"}))

    assert together.latencies == [1.0, 2.0]
    assert together.errors == {"A": 3, "B": 1}
    assert together.said == {"A": "first", "B": "other"}
    assert together.sent == 6


def test_the_parts_of_answers_are_added() -> None:
    outcome = LoadOutcome()

    outcome.answered(1.0, {"queue": 0.25, "wire": 0.5})
    outcome.answered(2.0, {"queue": 0.25})

    assert outcome.latencies == [1.0, 2.0]
    assert outcome.parts == {"queue": 0.5, "wire": 0.5}


def test_a_failure_has_the_name_of_its_request_if_there_is_one() -> None:
    outcome = LoadOutcome()

    outcome.failed(InferenceError("broken"), "")
    outcome.failed(ValueError("bad"), "photo.jpg")

    assert outcome.said == {"InferenceError": "broken", "ValueError": "'photo.jpg': bad"}
