"""Several instances of one model: one request each, health, closing."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature, TensorSpec
from turnout.errors import BackendUnavailableError, ClosedError, DeadlineExceededError, InferenceError, InvalidRequestError
from turnout.serving.instances import Instances
from turnout.testing import PlusOne, Slow, Streams

LIMIT_SECONDS = 20
REQUEST = InferenceRequest({"x": np.zeros(1, np.float32)})


class Exclusive(ModelInference):
    """Adds 1; counts its requests, and those that came while it was busy."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._busy = threading.Lock()
        self._seconds = seconds
        self.requests = 0
        self.overlaps = 0
        self.closed = 0
        self.refreshed = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if not self._busy.acquire(blocking=False):
            self.overlaps += 1
            raise AssertionError("two requests at once")
        try:
            self.requests += 1
            time.sleep(self._seconds)
            return PlusOne().infer(request)
        finally:
            self._busy.release()

    def refresh(self, deadline: float | None = None) -> None:
        self.refreshed += 1

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1,)),))

    def ready(self) -> bool:
        return not self.closed

    def close(self) -> None:
        self.closed += 1


class Breaks(ModelInference):
    """Fails while ``error`` is set, else adds 1; counts its requests."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.requests = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.requests += 1
        if self.error is not None:
            raise self.error
        return PlusOne().infer(request)


def instances(*models: ModelInference, **more: Any) -> Instances:
    return Instances(models, "m", "b", **more)


def outcomes(model: ModelInference, count: int) -> list[bool]:
    """Return whether each of ``count`` requests was answered; they use the instances in turn, as concurrent ones do."""
    found = []
    for _ in range(count):
        try:
            model.infer(REQUEST)
        except Exception:  # noqa: BLE001
            found.append(False)
        else:
            found.append(True)
        if isinstance(model, Instances):
            model._idle._idle.rotate()
    return found


def test_a_lone_caller_uses_one_instance_whose_weights_stay_in_the_caches() -> None:
    models = [Exclusive() for _ in range(3)]
    several = instances(*models)

    for _ in range(6):
        several.infer(REQUEST)

    assert [model.requests for model in models] == [6, 0, 0]


def test_a_lone_caller_leaves_an_instance_that_fails() -> None:
    broken, works = Breaks(BackendUnavailableError("down")), Breaks()
    several = instances(broken, works)

    with pytest.raises(BackendUnavailableError):
        several.infer(REQUEST)
    for _ in range(5):
        several.infer(REQUEST)

    assert (broken.requests, works.requests) == (1, 5)


def test_three_broken_instances_of_four_fail_one_request_of_a_lone_caller() -> None:
    models = [*(Breaks(OSError("gone")) for _ in range(3)), Breaks()]
    several = instances(*models)

    with pytest.raises(OSError, match="gone"):
        several.infer(REQUEST)
    for _ in range(5):
        several.infer(REQUEST)

    assert [model.requests for model in models] == [1, 1, 1, 5]


def test_many_threads_are_all_answered_and_no_instance_runs_two_requests_at_once() -> None:
    models = [Exclusive(0.0005) for _ in range(3)]
    several = instances(*models)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda value: several.infer(InferenceRequest({"x": np.array([value])}))["x"][0], range(400)))

    assert answers == [value + 1 for value in range(400)]
    assert (sum(model.requests for model in models), [model.overlaps for model in models]) == (400, [0, 0, 0])


def test_as_many_requests_run_at_once_as_there_are_instances() -> None:
    meeting = threading.Barrier(2, timeout=LIMIT_SECONDS)

    class Meets(PlusOne):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            meeting.wait()
            return super().infer(request)

    several = instances(Meets(), Meets())

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(several.infer, [REQUEST] * 4))) == 4


def test_a_request_that_finds_every_instance_busy_ends_at_its_deadline() -> None:
    slow = Slow(LIMIT_SECONDS)
    several = instances(slow)
    busy = threading.Thread(target=several.infer, args=(REQUEST,))
    busy.start()
    assert slow.started.wait(LIMIT_SECONDS)

    with pytest.raises(DeadlineExceededError, match=r"waited 0\.\d+ s for model 'm' on backend 'b', whose 1 instance was busy"):
        several.infer(InferenceRequest(REQUEST.inputs, time.monotonic() + 0.02))

    slow.release()
    busy.join(LIMIT_SECONDS)
    assert outcomes(several, 1) == [True]


def test_closing_ends_the_requests_that_wait_and_those_that_run_end_on_their_instance() -> None:
    slow = Slow(LIMIT_SECONDS, Exclusive())
    several = instances(slow)
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(several.infer, REQUEST)
        assert slow.started.wait(LIMIT_SECONDS)
        waiting = [pool.submit(several.infer, REQUEST) for _ in range(2)]
        while len(several._idle._waiting) < 2:
            time.sleep(0.001)

        several.close()

        assert [type(future.exception(LIMIT_SECONDS)) for future in waiting] == [ClosedError] * 2
        assert running.result(LIMIT_SECONDS)["x"].tolist() == [1]
    with pytest.raises(ClosedError, match="model 'm' on backend 'b' is closed; open the app again"):
        several.infer(REQUEST)


def test_every_instance_is_closed_though_one_fails_to() -> None:
    class Sticks(Exclusive):
        def close(self) -> None:
            super().close()
            raise OSError("stuck")

    models = [Exclusive(), Sticks(), Exclusive()]
    several = instances(*models)

    with pytest.raises(OSError, match="stuck"):
        several.close()

    assert [model.closed for model in models] == [1, 1, 1]
    assert not several.ready()


def test_every_instance_is_refreshed_and_one_speaks_for_all() -> None:
    models = [Exclusive(), Exclusive()]
    several = instances(*models)

    several.open()
    several.refresh()

    assert [model.refreshed for model in models] == [1, 1]
    assert several.signature() == models[0].signature()
    assert several.ready()


def test_a_stream_keeps_its_instance_until_its_end() -> None:
    answer = InferenceResponse({})
    several = instances(Streams(answer, answer))

    with closing(several.infer_stream(REQUEST)) as stream:  # type: ignore[type-var]
        assert next(stream) is answer
        with pytest.raises(DeadlineExceededError):
            next(several.infer_stream(InferenceRequest({}, time.monotonic() + 0.02)))

    assert list(several.infer_stream(REQUEST)) == [answer, answer]


def test_an_interrupted_request_gives_its_instance_back() -> None:
    class Interrupts(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            raise KeyboardInterrupt

    several = instances(Interrupts())

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            several.infer(InferenceRequest({}, time.monotonic() + LIMIT_SECONDS))


def test_a_child_process_has_every_instance_again() -> None:
    several = instances(PlusOne())
    several._idle.take()

    several.renew()

    assert outcomes(several, 1) == [True]


class Clock:
    """A clock that a test sets; each reading is a little later than the last."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 0.0001
        return self.now


def test_no_caller_notices_an_instance_that_fails_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    broken, works = Breaks(InferenceError("the GPU fell off the bus")), Breaks()
    several = instances(broken, works, clock=Clock())

    assert outcomes(several, 100) == [True] * 100
    assert (broken.requests, works.requests) == (3, 100)
    name = "model 'm' on backend 'b': instance 1 of 2"
    first, second = (record.message for record in caplog.records)
    assert first == f"{name} failed a request that another answered: InferenceError: the GPU fell off the bus"
    assert second.startswith(f"{name} failed 3 requests in a row that others answered; it is tried again from time to time. ")


def test_an_instance_that_fails_now_and_then_has_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock, weak = Clock(), Breaks()
    several = instances(weak, Breaks(), clock=clock)

    for _ in range(20):
        weak.error = OSError("gone")
        assert outcomes(several, 2) == [True, True]
        weak.error = None
        assert outcomes(several, 2) == [True, True]
        clock.now += 10

    assert len(caplog.records) == 4


def test_a_resting_instance_is_tried_with_one_request_after_each_pause_and_the_pauses_grow() -> None:
    clock, broken = Clock(), Breaks(OSError("gone"))
    several = instances(broken, Breaks(), clock=clock)
    outcomes(several, 50)

    tries = []
    for _ in range(8):
        before, start = broken.requests, clock.now
        while broken.requests == before:
            clock.now += 0.25
            assert outcomes(several, 3) == [True] * 3
        tries.append(clock.now - start)
        assert broken.requests == before + 1

    assert [round(seconds) for seconds in tries] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_an_instance_that_answers_again_is_used_as_before(caplog: pytest.LogCaptureFixture) -> None:
    clock, healed = Clock(), Breaks(OSError("gone"))
    several = instances(healed, Breaks(), clock=clock)
    outcomes(several, 50)
    healed.error = None
    clock.now += 2
    healed.requests = 0

    assert outcomes(several, 20) == [True] * 20
    assert healed.requests == 10
    assert caplog.records[-1].message == "model 'm' on backend 'b': instance 1 of 2 answers again"


def test_two_broken_instances_of_four_are_noticed_by_no_caller() -> None:
    models = [Breaks(OSError("gone")), Breaks(OSError("gone")), Breaks(), Breaks()]
    several = instances(*models, clock=Clock())

    assert outcomes(several, 100) == [True] * 100
    assert [model.requests for model in models[:2]] == [3, 3]


@pytest.mark.parametrize(("count", "attempts"), [(1, 1), (2, 2), (3, 3), (8, 3)])
def test_a_request_that_every_instance_fails_raises_the_first_error_and_no_instance_rests(count: int, attempts: int) -> None:
    models = [Breaks(InferenceError(f"error {number}")) for number in range(count)]
    several = instances(*models, clock=Clock())

    with pytest.raises(InferenceError, match="error 0"):
        several.infer(REQUEST)

    assert sum(model.requests for model in models) == attempts
    assert not several._idle._resting


@pytest.mark.parametrize(
    "error", [InvalidRequestError("bad"), DeadlineExceededError("late"), BackendUnavailableError("down"), ClosedError("closed")]
)
def test_a_wrong_request_and_one_that_may_have_had_an_effect_are_not_sent_again(error: Exception) -> None:
    refuses, other = Breaks(error), Breaks()

    with pytest.raises(type(error)):
        instances(refuses, other).infer(REQUEST)

    assert (refuses.requests, other.requests) == (1, 0)


def test_the_error_of_the_instance_is_raised_if_no_other_is_idle_before_the_deadline() -> None:
    broken, slow = Breaks(InferenceError("gone")), Slow(LIMIT_SECONDS)
    several = instances(slow, broken)
    busy = threading.Thread(target=several.infer, args=(REQUEST,))
    busy.start()
    assert slow.started.wait(LIMIT_SECONDS)

    with pytest.raises(InferenceError, match="gone"):
        several.infer(InferenceRequest(REQUEST.inputs, time.monotonic() + 0.05))

    slow.release()
    busy.join(LIMIT_SECONDS)
    assert not several._idle._resting


def test_a_fast_failure_does_not_attract_the_requests_of_many_threads() -> None:
    broken, works = Breaks(RuntimeError("gone")), [Exclusive(0.0005) for _ in range(2)]
    several = instances(broken, *works)

    with ThreadPoolExecutor(8) as pool:
        answered = sum(pool.map(lambda _: outcomes(several, 1)[0], range(300)))

    assert answered == 300
    assert broken.requests < 10


def test_threads_whose_requests_fail_everywhere_all_get_their_error_and_leave_every_instance_idle() -> None:
    models = [Breaks(RuntimeError("bad")) for _ in range(3)]
    several = instances(*models)

    with ThreadPoolExecutor(8) as pool:
        answered = sum(pool.map(lambda _: outcomes(several, 1)[0], range(200)))
    for model in models:
        model.error = None
        model.requests = 0

    assert answered == 0
    assert outcomes(several, 6) == [True] * 6
    assert [model.requests for model in models] == [2, 2, 2]
