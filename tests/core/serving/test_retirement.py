"""What no longer serves is closed after its last call, and not before."""

from __future__ import annotations

import threading

import pytest

from turnout.serving.generation import Generation
from turnout.serving.retirement import Retirement
from turnout.testing import PlusOne

LIMIT_SECONDS = 20


class Closes(PlusOne):
    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.closed = threading.Event()
        self._error = error

    def close(self) -> None:
        super().close()
        self.closed.set()
        if self._error:
            raise self._error


def _none_left() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("turnout-retire"):
            thread.join(LIMIT_SECONDS)
            assert not thread.is_alive()


def test_a_generation_without_calls_is_closed_at_once() -> None:
    model = Closes()

    Retirement("m").take(Generation(model))

    assert model.closed.wait(LIMIT_SECONDS)
    _none_left()


def test_one_with_calls_is_closed_by_the_end_of_the_last() -> None:
    model = Closes()
    generation = Generation(model)
    generation.calls.extend([None, None])

    Retirement("m").take(generation)
    generation.leave()
    open_still = not model.closed.wait(0.05)
    generation.leave()

    assert open_still
    assert model.closed.wait(LIMIT_SECONDS)
    _none_left()


def test_closing_waits_for_no_call() -> None:
    model, retirement = Closes(), Retirement("m")
    generation = Generation(model)
    generation.calls.append(None)
    retirement.take(generation)

    retirement.close()

    assert model.closed.is_set()
    _none_left()


def test_one_that_cannot_be_closed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    model, retirement = Closes(RuntimeError("stuck")), Retirement("m")

    retirement.take(Generation(model))
    retirement.close()
    _none_left()

    assert "what served model 'm' before cannot be closed: RuntimeError: stuck" in caplog.text
