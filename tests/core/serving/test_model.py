"""A named model: opened once, at its first use."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.errors import ClosedError, InvalidTensorError, ModelLoadError
from turnout.serving.deployment import Deployment
from turnout.serving.executor import InferenceExecutor
from turnout.serving.model import Model
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne, Slow, Streams

X = np.ones(2, np.float32)


def deploy(open_model: Callable[[], ModelInference]) -> Callable[[], Deployment]:
    return lambda: Deployment(open_model())


class Known(PlusOne):
    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1,)),))


class Opens:
    """Opens a model; counts how often. Fails the first ``failures`` times."""

    def __init__(self, failures: int = 0) -> None:
        self.count = 0
        self.model = Known()
        self._failures = failures

    def __call__(self) -> ModelInference:
        self.count += 1
        if self.count <= self._failures:
            raise ModelLoadError(f"attempt {self.count}")
        return self.model


def test_sixteen_threads_at_the_same_time_open_it_once(executor: InferenceExecutor, limit_seconds: int) -> None:
    opens, barrier = Opens(), threading.Barrier(16, timeout=limit_seconds)
    model = Model("m", "b", deploy(opens), executor)

    def call(_: int) -> list[float]:
        barrier.wait()
        values: list[float] = model.infer({"x": X})["x"].tolist()
        return values

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(call, range(16)))

    assert answers == [[2.0, 2.0]] * 16
    assert opens.count == 1


def test_nothing_is_opened_before_the_first_use(executor: InferenceExecutor) -> None:
    opens = Opens()

    model = Model("m", "b", deploy(opens), executor)

    assert (opens.count, model.ready()) == (0, False)


def test_open_opens_it_once_and_makes_it_ready(executor: InferenceExecutor) -> None:
    opens = Opens()
    model = Model("m", "b", deploy(opens), executor)

    model.open()
    model.open()

    assert (opens.count, model.ready()) == (1, True)


def test_after_a_failure_to_open_the_next_caller_tries_again(executor: InferenceExecutor) -> None:
    opens = Opens(failures=1)
    model = Model("m", "b", deploy(opens), executor)

    with pytest.raises(ModelLoadError, match="attempt 1"):
        model.infer({"x": X})
    answer = model.infer({"x": X})

    assert (answer["x"].tolist(), opens.count) == ([2, 2], 2)


def test_asking_for_the_signature_opens_it(executor: InferenceExecutor) -> None:
    assert Model("m", "b", deploy(Opens()), executor).signature() == Known().signature()


def test_takes_a_request_or_a_mapping_with_keywords(executor: InferenceExecutor) -> None:
    model = Model("m", "b", deploy(Opens()), executor)

    assert model.infer(InferenceRequest({"x": X}, id="a")).id == "a"
    assert model.infer({"x": [1, 2]}, id="b", timeout_seconds=60, parameters={"p": 1}).id == "b"


def test_what_is_no_mapping_is_refused(executor: InferenceExecutor) -> None:
    model = Model("m", "b", deploy(Opens()), executor)

    with pytest.raises(InvalidTensorError, match="inputs must map names to arrays, got ndarray"):
        model.infer(X)  # type: ignore[arg-type]
    with pytest.raises(InvalidTensorError, match="inputs must map names to arrays, got ndarray"):
        asyncio.run(model.ainfer(X))  # type: ignore[arg-type]


def test_after_close_every_call_says_so_and_the_inner_model_is_closed(executor: InferenceExecutor) -> None:
    opens = Opens()
    model = Model("m", "b", deploy(opens), executor)
    model.open()

    model.close()
    model.close()

    for call in (lambda: model.infer({"x": X}), model.open, model.signature, lambda: asyncio.run(model.ainfer({"x": X}))):
        with pytest.raises(ClosedError, match="model 'm' is closed"):
            call()
    assert (model.ready(), opens.model.ready(), opens.count) == (False, False, 1)


def test_closing_what_was_never_opened_opens_nothing(executor: InferenceExecutor) -> None:
    opens = Opens()

    Model("m", "b", deploy(opens), executor).close()

    assert opens.count == 0


def test_ainfer_works_in_one_event_loop_after_another(executor: InferenceExecutor) -> None:
    model = Model("m", "b", deploy(Opens()), executor)

    assert [asyncio.run(model.ainfer({"x": X}, id=id)).id for id in ("a", "b")] == ["a", "b"]


def test_ainfer_works_from_several_event_loops_at_once(executor: InferenceExecutor, meeting: Any, limit_seconds: int) -> None:
    model = Model("m", "b", deploy(lambda: meeting(6)), executor)

    async def ask_twice() -> list[str]:
        responses = await asyncio.gather(*(model.ainfer({"x": X}, id=id) for id in ("a", "b")))
        return [response.id for response in responses]

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(asyncio.run, ask_twice()) for _ in range(3)]
        answers = [future.result(limit_seconds) for future in running]

    assert answers == [["a", "b"]] * 3


class Waits(PlusOne):
    """Answers once ``go`` is set."""

    def __init__(self, limit_seconds: int) -> None:
        super().__init__()
        self.go = threading.Event()
        self._limit_seconds = limit_seconds

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        assert self.go.wait(self._limit_seconds)
        return super().infer(request)


def test_a_dict_changed_after_ainfer_began_is_not_seen(executor: InferenceExecutor, limit_seconds: int) -> None:
    waits = Waits(limit_seconds)
    model = Model("m", "b", deploy(lambda: waits), executor)

    async def change_meanwhile() -> list[float]:
        inputs: dict[str, Any] = {"x": X}
        answer = asyncio.ensure_future(model.ainfer(inputs))
        await asyncio.sleep(0)
        inputs.clear()
        waits.go.set()
        values: list[float] = (await answer)["x"].tolist()
        return values

    assert asyncio.run(change_meanwhile()) == [2.0, 2.0]


def test_a_model_that_does_not_stream_yields_its_one_answer() -> None:
    opens = Opens()
    model = Model("m", "plus_one", deploy(opens), InferenceExecutor(1))

    answers = list(model.infer_stream({"x": X}, id="seven"))

    assert [answer.id for answer in answers] == ["seven"]
    assert answers[0]["x"].tolist() == [2, 2]


def test_another_takes_its_place_and_the_old_one_is_closed_when_its_last_call_has_ended(
    executor: InferenceExecutor, limit_seconds: int, gate: Any
) -> None:
    closed, old, new = threading.Event(), gate, PlusOne()
    old.close = closed.set
    model = Model("m", "old", deploy(lambda: old), executor)
    with ThreadPoolExecutor(1) as threads:
        in_flight = threads.submit(model.infer, {"x": X})
        assert old.started.wait(limit_seconds)

        model.replace("new", deploy(lambda: new), prepare=True)

        assert (model.backend, model.infer({"x": X})["x"].tolist()) == ("new", [2.0, 2.0])
        assert not closed.wait(0.05)
        old.opened.set()
        assert in_flight.result(limit_seconds)["x"].tolist() == [1.0, 1.0]
    assert closed.wait(limit_seconds)
    model.close()
    assert not new.ready()


def test_a_stream_in_progress_ends_where_it_started(executor: InferenceExecutor, limit_seconds: int) -> None:
    closed, old = threading.Event(), Streams(InferenceResponse({"x": X}), InferenceResponse({"x": X}))
    old.close = closed.set  # type: ignore[method-assign]
    model = Model("m", "old", deploy(lambda: old), executor)
    stream = model.infer_stream({"x": X})
    next(stream)

    model.replace("new", deploy(PlusOne), prepare=True)

    assert not closed.wait(0.05)
    assert len(list(stream)) == 1
    assert closed.wait(limit_seconds)
    model.close()


def test_a_model_that_was_never_used_is_replaced_without_opening(executor: InferenceExecutor) -> None:
    old, new = Opens(), Opens()
    model = Model("m", "old", deploy(old), executor)

    model.replace("new", deploy(new), prepare=True)
    before = old.count, new.count, model.backend
    model.open()

    assert before == (0, 0, "new")
    assert (old.count, new.count) == (0, 1)


def test_one_that_cannot_be_opened_takes_no_place(executor: InferenceExecutor) -> None:
    class Bad(PlusOne):
        def signature(self) -> ModelSignature:
            raise ModelLoadError("no file")

    bad = Bad()
    model = Model("m", "old", deploy(PlusOne), executor)
    model.open()

    with pytest.raises(ModelLoadError):
        model.replace("new", deploy(lambda: bad), prepare=True)

    assert (model.backend, model.infer({"x": X})["x"].tolist(), bad.ready()) == ("old", [2.0, 2.0], False)
    model.close()


def test_a_closed_model_takes_no_other(executor: InferenceExecutor) -> None:
    model = Model("m", "old", deploy(PlusOne), executor)
    model.close()

    with pytest.raises(ClosedError):
        model.replace("new", deploy(PlusOne), prepare=False)


def test_closing_ends_what_was_replaced_and_hangs(executor: InferenceExecutor, limit_seconds: int) -> None:
    old = Slow(limit_seconds)
    model = Model("m", "old", deploy(lambda: old), executor)
    with ThreadPoolExecutor(1) as threads:
        in_flight = threads.submit(model.infer, {"x": X})
        assert old.started.wait(limit_seconds)
        model.replace("new", deploy(PlusOne), prepare=True)

        model.close()

        assert isinstance(in_flight.exception(limit_seconds), ClosedError)


def test_a_model_that_cannot_be_closed_still_closes_the_deployment_that_it_replaced(
    executor: InferenceExecutor, gate: Any, limit_seconds: int
) -> None:
    class Stuck(PlusOne):
        def close(self) -> None:
            raise RuntimeError("stuck")

    old = Slow(limit_seconds)
    model = Model("m", "b", deploy(lambda: old), executor)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(model.infer, {"x": X})
        assert old.started.wait(limit_seconds)
        model.replace("b", deploy(Stuck), prepare=False)

        with pytest.raises(RuntimeError, match="stuck"):
            model.close()

        assert not old.ready()
        assert isinstance(running.exception(limit_seconds), ClosedError)
