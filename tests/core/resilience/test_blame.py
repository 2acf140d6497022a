"""What an error proves about the backend."""

from __future__ import annotations

import pytest

from turnout.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    ClosedError,
    DeadlineExceededError,
    ForkedAfterLoadError,
    InferenceError,
    InvalidTensorError,
    ModelLoadError,
    NotReachedError,
    OverloadedError,
    StepError,
)
from turnout.resilience.blame import Blame, blame_for


@pytest.mark.parametrize(
    ("error", "blame"),
    [
        (BackendUnavailableError(), Blame.BACKEND),
        (NotReachedError(), Blame.BACKEND),
        (ModelLoadError(), Blame.BACKEND),
        (CircuitOpenError(), Blame.BACKEND),
        (InferenceError(), Blame.UNDECIDED),
        (InvalidTensorError(), Blame.UNDECIDED),
        (OverloadedError(), Blame.NONE),
        (ForkedAfterLoadError(), Blame.NONE),
        (ClosedError(), Blame.NONE),
        (StepError(), Blame.NONE),
        (KeyboardInterrupt(), Blame.NONE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_error_proves_one_thing(error, blame) -> None:
    assert blame_for(error, 1.0, 0.1) is blame


@pytest.mark.parametrize(
    ("seconds", "usual", "is_fault"), [(0.14, 0.1, False), (0.16, 0.1, True), (0.005, 0.001, False), (0.09, None, False)]
)
def test_a_late_answer_is_a_fault_if_the_backend_had_its_usual_time_and_half_as_much_again(seconds, usual, is_fault) -> None:
    assert (blame_for(DeadlineExceededError(), seconds, usual) is Blame.BACKEND) is is_fault


def test_a_request_that_waited_for_a_thread_of_this_process_says_nothing_about_the_backend() -> None:
    error = DeadlineExceededError("late")
    error.started = False

    assert blame_for(error, 60.0, 0.01) is Blame.NONE
