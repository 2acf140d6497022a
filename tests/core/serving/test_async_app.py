"""The async door of an app: many callers and few threads, any loop, deadlines, reloads, forks."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature, PipelineContext, PipelineStep, Turnout
from turnout.errors import ClosedError, DeadlineExceededError, InvalidTensorError
from turnout.tensors import TensorSpec
from turnout.tensors.given import tensor_of
from turnout.testing import PlusOne
from turnout.validation.tensor_rules import TensorRules

MakeApp = Callable[..., Turnout]
CALLERS = 1000
X = np.ones((1, 2), np.float32)


class AwaitsAll(PlusOne):
    """Answers its coroutines when ``parties`` of them are in flight, so that no queue of threads can answer them."""

    def __init__(self, parties: int) -> None:
        super().__init__()
        self._parties = parties
        self._waiting = 0
        self._together = asyncio.Event()

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        self._waiting += 1
        if self._waiting == self._parties:
            self._together.set()
        await self._together.wait()
        return self.infer(request)


class Rows(PipelineStep):
    """Sends the number that the caller gives, and returns the number that comes back."""

    model = "m"
    inputs = ("number",)
    provides = ("answer",)

    def preprocess(self, context: PipelineContext) -> list[InferenceRequest]:
        return [InferenceRequest({"x": np.array([[context["number"]]], np.float32)})]

    def postprocess(self, context: PipelineContext, responses: Any) -> None:
        context["answer"] = float(responses[0]["x"][0, 0])


class Threads:
    """The names of the threads that were alive at any turn of the loop."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    async def watch(self, work: Awaitable[Any]) -> Any:
        async def look() -> None:
            while True:
                self.names |= {thread.name for thread in threading.enumerate()}
                await asyncio.sleep(0.001)

        looking = asyncio.create_task(look())
        try:
            return await work
        finally:
            looking.cancel()

    def count(self, prefix: str) -> int:
        return sum(name.startswith(prefix) for name in self.names)


async def ask_all(app: Turnout) -> list[float]:
    async def ask(number: int) -> float:
        return float((await app.model("m").ainfer({"x": np.array([[number]], np.float32)}, timeout_seconds=60))["x"][0, 0])

    return await asyncio.gather(*map(ask, range(CALLERS)))


async def run_all(app: Turnout) -> list[float]:
    runs = (app.arun("all", number=number, timeout_seconds=60) for number in range(CALLERS))
    return [result["answer"] for result in await asyncio.gather(*runs)]


PLUS_ONE = [float(number + 1) for number in range(CALLERS)]


@pytest.mark.parametrize("ask", [ask_all, run_all], ids=["ainfer", "arun"])
def test_a_thousand_callers_at_once_need_no_thread_of_inference(make_app: MakeApp, ask: Any) -> None:
    app, threads = make_app({"m": lambda: AwaitsAll(CALLERS)}, {"rows": Rows}, executor_threads=3), Threads()

    assert asyncio.run(threads.watch(ask(app))) == PLUS_ONE

    assert threads.count("turnout-infer") == threads.count("asyncio") == 0
    assert threads.count("turnout-step") <= 3
    assert threads.count("turnout-check") <= 4


@pytest.mark.parametrize("ask", [ask_all, run_all], ids=["ainfer", "arun"])
def test_a_thousand_callers_of_a_blocking_backend_share_the_threads_of_the_app(make_app: MakeApp, ask: Any) -> None:
    app, threads = make_app({"m": PlusOne}, {"rows": Rows}, executor_threads=3), Threads()

    assert asyncio.run(threads.watch(ask(app))) == PLUS_ONE

    assert 1 <= threads.count("turnout-infer") <= 3
    assert threads.count("turnout-step") <= 3
    assert threads.count("asyncio") == 0


def test_loops_in_several_threads_and_one_after_another_get_their_answers(make_app: MakeApp, limit_seconds: int) -> None:
    app = make_app({"m": PlusOne}, {"rows": Rows})

    def twice(number: int) -> list[float]:
        async def both() -> list[float]:
            response = await app.model("m").ainfer({"x": np.array([[number]], np.float32)})
            return [float(response["x"][0, 0]), (await app.arun("all", number=number))["answer"]]

        return asyncio.run(both()) + asyncio.run(both())

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(twice, number) for number in range(4)]

    assert [future.result(limit_seconds) for future in running] == [[number + 1.0] * 4 for number in range(4)]


def test_a_child_that_was_forked_awaits_its_own_model(make_app: MakeApp) -> None:
    app = make_app({"m": PlusOne}, {"rows": Rows})
    asyncio.run(app.arun("all", number=1))

    child = os.fork()
    if child == 0:
        code = 1
        try:
            answer = (
                asyncio.run(app.arun("all", number=2))["answer"],
                asyncio.run(app.model("m").ainfer({"x": X}))["x"].tolist(),
            )
            code = 0 if answer == (3.0, [[2.0, 2.0]]) else 2
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class OpensWithTheLoop(PlusOne):
    """Is open once the event loop has turned: a loop that is blocked meanwhile never gets there."""

    turned = threading.Event()

    def __init__(self, limit_seconds: int) -> None:
        super().__init__()
        assert self.turned.wait(limit_seconds)


def test_opening_does_not_block_the_loop(make_app: MakeApp, limit_seconds: int) -> None:
    app = make_app({"m": lambda: OpensWithTheLoop(limit_seconds)})
    OpensWithTheLoop.turned.clear()

    async def main() -> Any:
        answer = asyncio.create_task(app.model("m").ainfer({"x": X}))
        await asyncio.sleep(0.01)
        OpensWithTheLoop.turned.set()
        return (await answer)["x"].tolist()

    assert asyncio.run(main()) == [[2.0, 2.0]]


def test_aopen_opens_what_the_first_request_would(make_app: MakeApp) -> None:
    app = make_app({"m": PlusOne})

    asyncio.run(app.model("m").aopen())

    assert app.model("m").ready()


class Signed(PlusOne):
    def __init__(self, datatype: str) -> None:
        super().__init__()
        self._datatype = datatype

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", self._datatype, (-1,)),))


@pytest.mark.parametrize(
    ("datatype", "array", "thread"),
    [
        ("FP32", np.zeros(3_000_000, np.float32), None),  # numbers are not read
        ("BOOL", np.zeros(100, np.bool_), "MainThread"),
        ("BOOL", np.zeros(3_000_000, np.bool_), "turnout-check"),
        ("BYTES", np.array(["few", b"texts"], object), "MainThread"),
        ("BYTES", np.array(["text"] * 100_000, object), "turnout-check"),
        ("BYTES", np.array([b"x" * 3_000_000], object), "turnout-check"),
        ("FP32", np.zeros(3_000_000, ">f4"), "turnout-check"),
        ("INT64", [0, 1], "turnout-check"),
    ],
    ids=["numbers", "small flags", "flags", "small texts", "texts", "long text", "big-endian", "list"],
)
def test_values_that_take_long_are_read_in_a_thread(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, datatype: str, array: Any, thread: str | None
) -> None:
    app, seen = make_app({"m": lambda: Signed(datatype)}), set()
    app.model("m").open()
    asyncio.run(app.model("m").ainfer({"x": np.array(array[:1])}))

    def note(call: Any) -> Any:
        def noted(*args: Any, **keywords: Any) -> Any:
            seen.add(threading.current_thread().name.partition("_")[0])
            return call(*args, **keywords)

        return noted

    monkeypatch.setattr(TensorRules, "plain", note(TensorRules.plain))
    monkeypatch.setattr("turnout.inference.tensor_of", note(tensor_of))

    response = asyncio.run(app.model("m").ainfer({"x": array}))

    assert response["x"].shape == (len(array),)
    assert thread is None or thread in seen
    assert thread != "turnout-check" or "turnout-check" in seen


def requests(app: Turnout, outcome: str) -> float:
    labels = {"model": "m", "backend": "m_backend", "outcome": outcome}
    return app.metrics.registry.get_sample_value("turnout_inference_requests_total", labels) or 0


@pytest.mark.parametrize(
    "inputs",
    [{"y": X}, {"x": X.astype(np.int8)}, {"x": [["a"]]}, X, {"x": object()}],
    ids=["another name", "another datatype", "texts", "no mapping", "an object"],
)
def test_a_refused_request_is_counted_once(make_app: MakeApp, inputs: Any) -> None:
    class Known(PlusOne):
        def signature(self) -> ModelSignature:
            return ModelSignature((TensorSpec("x", "FP32", (-1, 2)),))

    app = make_app({"m": Known})

    with pytest.raises(InvalidTensorError) as error:
        asyncio.run(app.model("m").ainfer(inputs))

    assert error.value.model == "m"
    assert requests(app, "invalid_request") == 1


BATCHES = {"max_batch_size": 4, "dynamic_batching": {}}


@pytest.mark.parametrize("queue", [{}, BATCHES], ids=["threads", "batches"])
def test_a_deadline_ends_the_wait_while_the_backend_hangs(make_app: MakeApp, gate: Any, queue: Any, limit_seconds: int) -> None:
    app = make_app({"m": lambda: gate}, more={"m": queue})
    app.model("m").open()

    async def main() -> None:
        answer = asyncio.create_task(app.model("m").ainfer({"x": X}, timeout_seconds=0.5))
        await asyncio.to_thread(gate.started.wait, limit_seconds)
        with pytest.raises(DeadlineExceededError):
            await answer

    asyncio.run(main())

    late = app.metrics.registry.get_sample_value("turnout_late_executions_total", {"model": "m", "backend": "m_backend"})
    assert (late, requests(app, "deadline_exceeded")) == (1, 1)
    gate.opened.set()


def test_a_step_that_hangs_ends_arun_at_its_deadline(make_app: MakeApp, limit_seconds: int) -> None:
    ended = threading.Event()

    class Stuck(Rows):
        def preprocess(self, context: PipelineContext) -> list[InferenceRequest]:
            assert ended.wait(limit_seconds)
            return super().preprocess(context)

    app = make_app({"m": PlusOne}, {"rows": Stuck})

    with pytest.raises(DeadlineExceededError, match="pipeline 'all' did not end before its deadline"):
        asyncio.run(app.arun("all", number=1, timeout_seconds=0.02))
    ended.set()


def test_a_deadline_in_a_busy_pool_opens_no_circuit(make_app: MakeApp, gate: Any, limit_seconds: int) -> None:
    more = {"other": {"circuit_breaker": {"consecutive_failures": 1}}}
    app = make_app({"m": lambda: gate, "other": PlusOne}, more=more, executor_threads=1)
    app.model("other").open()

    async def main() -> None:
        hanging = asyncio.create_task(app.model("m").ainfer({"x": X}))
        await asyncio.to_thread(gate.started.wait, limit_seconds)
        for _ in range(3):
            with pytest.raises(DeadlineExceededError, match="all threads were busy"):
                await app.model("other").ainfer({"x": X}, timeout_seconds=0.15)
        gate.opened.set()
        await hanging

    asyncio.run(main())
    assert app.model("other").infer({"x": X})["x"].tolist() == [[2.0, 2.0]]


def test_a_reload_closes_what_it_replaced_after_the_last_awaiting_caller(make_app: MakeApp, limit_seconds: int) -> None:
    closed, started = threading.Event(), threading.Event()

    class Old(PlusOne):
        async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
            self.go = asyncio.Event()
            started.set()
            await self.go.wait()
            return self.infer(request)

        def close(self) -> None:
            super().close()
            closed.set()

    old = Old()
    model = make_app({"m": lambda: old}).model("m")

    async def main() -> Any:
        answer = asyncio.create_task(model.ainfer({"x": X}))
        await asyncio.to_thread(started.wait, limit_seconds)
        other = make_app({"m": PlusOne})
        await asyncio.to_thread(model.replace, "new", other.model("m")._deploy, prepare=True)
        assert (model.backend, (await model.ainfer({"x": X}))["x"].tolist()) == ("new", [[2.0, 2.0]])
        assert not await asyncio.to_thread(closed.wait, 0.05)
        old.go.set()
        return (await answer)["x"].tolist()

    assert asyncio.run(main()) == [[2.0, 2.0]]
    assert closed.wait(limit_seconds)


def test_a_model_that_keeps_an_app_open_is_named(
    make_app: MakeApp, gate: Any, limit_seconds: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("turnout.serving.executor._PATIENCE_SECONDS", 0.01)
    app = make_app({"m": lambda: gate})
    with pytest.raises(DeadlineExceededError):
        asyncio.run(app.model("m").ainfer({"x": X}, timeout_seconds=0.2))
    assert gate.started.wait(limit_seconds)

    with ThreadPoolExecutor(1) as threads:
        closing = threads.submit(app.close)
        while not any("still run (1, of: 'm')" in line for line in caplog.messages):
            threading.Event().wait(0.001)
        gate.opened.set()
        closing.result(limit_seconds)


def test_closing_an_app_ends_its_awaiting_callers(make_app: MakeApp, gate: Any, limit_seconds: int) -> None:
    app = make_app({"m": lambda: gate}, {"rows": Rows}, executor_threads=1)

    async def main() -> list[Any]:
        calls = [asyncio.create_task(app.model("m").ainfer({"x": X})) for _ in range(5)]
        await asyncio.to_thread(gate.started.wait, limit_seconds)
        # After them: a run whose request is answered at the close would still need a thread for its step.
        calls.append(asyncio.create_task(app.arun("all", number=1)))
        closing = asyncio.create_task(asyncio.to_thread(app.close))
        while not app._threads.inference._closed:
            await asyncio.sleep(0.001)
        gate.opened.set()
        await closing
        return await asyncio.gather(*calls, return_exceptions=True)

    ends = asyncio.run(main())

    assert sum(isinstance(end, InferenceResponse) for end in ends) == 1
    assert {type(end) for end in ends} == {InferenceResponse, ClosedError}


def test_the_default_of_a_backend_outside_of_an_app_is_a_thread() -> None:
    class Plain(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            return InferenceResponse({}, threading.current_thread().name)

    name = asyncio.run(Plain().ainfer(InferenceRequest({}))).id

    assert name != threading.current_thread().name
