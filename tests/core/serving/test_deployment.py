"""A replaced deployment is closed after its last call, and not before."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from turnout.serving.deployment import Deployment, Retirement
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


def _check_no_thread_remains() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("turnout-retire"):
            thread.join(LIMIT_SECONDS)
            assert not thread.is_alive()


def test_a_deployment_without_calls_is_closed_at_once() -> None:
    model = Closes()

    Retirement("m").add(Deployment(model))

    assert model.closed.wait(LIMIT_SECONDS)
    _check_no_thread_remains()


def test_one_with_calls_in_flight_is_closed_by_the_end_of_the_last() -> None:
    model = Closes()
    deployment = Deployment(model)
    deployment.calls.extend([None, None])

    Retirement("m").add(deployment)
    deployment.leave()
    open_still = not model.closed.wait(0.05)
    deployment.leave()

    assert open_still
    assert model.closed.wait(LIMIT_SECONDS)
    _check_no_thread_remains()


def test_closing_does_not_wait_for_calls() -> None:
    model, retirement = Closes(), Retirement("m")
    deployment = Deployment(model)
    deployment.calls.append(None)
    retirement.add(deployment)

    retirement.close()

    assert model.closed.is_set()
    _check_no_thread_remains()


def test_one_that_cannot_be_closed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    model, retirement = Closes(RuntimeError("stuck")), Retirement("m")

    retirement.add(Deployment(model))
    retirement.close()
    _check_no_thread_remains()

    assert "model 'm': the replaced deployment cannot be closed: RuntimeError: stuck" in caplog.text


def test_closing_releases_its_resources_instead_of_the_model() -> None:
    model, released, resources = Closes(), threading.Event(), ExitStack()
    resources.callback(released.set)

    deployment = Deployment(model, resources)
    deployment.close()
    deployment.close()

    assert (released.is_set(), model.closed.is_set()) == (True, False)


def test_closing_while_a_deployment_is_added_waits_for_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    starting, closed = threading.Event(), threading.Event()
    model, retirement = Closes(), Retirement("m")

    class StartsLate(threading.Thread):
        def start(self) -> None:
            starting.set()
            closed.wait(0.2)
            super().start()

    adding = threading.Thread(target=retirement.add, args=(Deployment(model),))
    monkeypatch.setattr(threading, "Thread", StartsLate)
    adding.start()
    try:
        assert starting.wait(LIMIT_SECONDS)
        retirement.close()
    finally:
        closed.set()
        adding.join(LIMIT_SECONDS)

    assert model.closed.is_set()
    _check_no_thread_remains()
