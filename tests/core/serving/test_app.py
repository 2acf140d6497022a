"""The app: assembles, opens, closes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import InferenceRequest, ModelInference, ModelSignature, PipelineContext, PipelineStep, TensorSpec, Turnout
from turnout.errors import (
    ClosedError,
    DeadlineExceededError,
    InferenceError,
    InvalidTensorError,
    MissingDependencyError,
    ModelLoadError,
    PipelineError,
    SettingsError,
    StepError,
    TurnoutError,
    UnknownNameError,
)
from turnout.metrics import Metrics, Outcome
from turnout.serving.entry import assemble
from turnout.testing import Fails, PlusOne

X = np.ones(1, np.float32)
MakeApp = Callable[..., Turnout]


class Doubles(PipelineStep):
    inputs = ("x",)
    provides = ("y",)

    def process(self, context: PipelineContext) -> None:
        context["y"] = 2 * context["x"]


class Counts:
    """Makes models; counts them."""

    def __init__(self, model: type[ModelInference] = PlusOne) -> None:
        self.count = 0
        self._model = model

    def __call__(self) -> ModelInference:
        self.count += 1
        return self._model()


def _settings(backend: str, **more: object) -> dict[str, object]:
    return {"backend": backend, "backends": {backend: {}}, **more}


def _raises(error: BaseException) -> Callable[[], Any]:
    def create() -> Any:
        raise error

    return create


def test_a_dict_makes_an_app_whose_models_answer(make_app: MakeApp) -> None:
    app = make_app()

    assert app.model("plus").infer({"x": X})["x"].tolist() == [2]
    assert (list(app.models), app.pipelines) == (["plus"], ())


def test_a_file_makes_the_same_app_as_a_dict(plugins_with: Any, tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text("models: {plus: {backend: plus_one, backends: {plus_one: {}}}}\n", "utf-8")

    with turnout.open(file, plugins=plugins_with({"plus_one": PlusOne}), metrics=Metrics()) as app:
        assert app.model("plus").infer({"x": X})["x"].tolist() == [2]


def test_without_metrics_of_its_own_an_app_counts_into_those_of_the_process(plugins_with: Any) -> None:
    from turnout.metrics import render

    with turnout.open({"models": {"shared_arm": _settings("p")}}, plugins=plugins_with({"p": PlusOne})) as app:
        app.model("shared_arm").infer({"x": X})

    assert 'turnout_inference_requests_total{backend="p",model="shared_arm",outcome="ok"} 1.0' in render()


def test_wrong_settings_are_reported_before_anything_opens(plugins_with: Any) -> None:
    counts = Counts()

    with pytest.raises(SettingsError, match="Did you mean 'plus_one'"):
        turnout.open({"models": {"m": _settings("plus_on")}}, plugins=plugins_with({"plus_one": counts}), metrics=Metrics())

    assert counts.count == 0


def test_nothing_is_opened_before_its_first_use(make_app: MakeApp) -> None:
    counts = Counts()

    app = make_app({"m": counts})

    assert (counts.count, app.model("m").ready()) == (0, False)


def test_sixteen_threads_open_a_model_once(make_app: MakeApp, limit_seconds: int) -> None:
    counts, barrier = Counts(), threading.Barrier(16, timeout=limit_seconds)
    app = make_app({"m": counts})

    def ask(_: int) -> float:
        barrier.wait()
        return float(app.model("m").infer({"x": X})["x"][0])

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(ask, range(16))) == [2.0] * 16

    assert counts.count == 1
    assert app.metrics.registry.get_sample_value("turnout_inference_requests_total", _arm("m", outcome="ok")) == 16
    assert app.metrics.registry.get_sample_value("turnout_model_load_duration_seconds_count", _arm("m")) == 1


def _arm(model: str, **labels: str) -> dict[str, str]:
    return {"model": model, "backend": f"{model}_backend", **labels}


def test_preload_opens_at_the_start(make_app: MakeApp) -> None:
    preloaded, lazy = Counts(), Counts()

    make_app({"preloaded": preloaded, "lazy": lazy}, more={"preloaded": {"preload": True}})

    assert (preloaded.count, lazy.count) == (1, 0)


def test_assembling_preloads_nothing(plugins_with: Any) -> None:
    counts = Counts()

    with assemble({"models": {"m": _settings("b", preload=True)}}, plugins=plugins_with({"b": counts}), metrics=Metrics()):
        assert counts.count == 0


def test_a_model_that_cannot_preload_fails_the_opening_and_closes_the_others(plugins_with: Any) -> None:
    first = PlusOne()
    plugins = plugins_with({"good": lambda: first, "bad": _raises(RuntimeError("no file"))})
    models = {"a": _settings("good", preload=True), "b": _settings("bad", preload=True)}

    with pytest.raises(ModelLoadError, match="model 'b' cannot be opened on backend 'bad': RuntimeError: no file"):
        turnout.open({"models": models}, plugins=plugins, metrics=Metrics())

    assert not first.ready()


def test_a_foreign_exception_while_opening_says_model_backend_and_line(plugins_with: Any, tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text("models:\n  m: {backend: bad, backends: {bad: {}}}\n", "utf-8")
    cause = KeyError("weights")

    app = turnout.open(file, plugins=plugins_with({"bad": _raises(cause)}), metrics=Metrics())
    with app, pytest.raises(ModelLoadError) as caught:
        app.model("m").infer({"x": X})

    assert str(caught.value) == f"model 'm' cannot be opened on backend 'bad': KeyError: 'weights'. {file}:2"
    assert caught.value.__cause__ is cause


def test_a_turnout_error_while_opening_passes_through(make_app: MakeApp) -> None:
    error = MissingDependencyError("pip install something")
    app = make_app({"m": _raises(error)})

    with pytest.raises(MissingDependencyError) as caught:
        app.model("m").open()

    assert caught.value is error


def test_a_foreign_exception_while_answering_is_an_inference_error(make_app: MakeApp) -> None:
    app = make_app({"m": lambda: Fails(RuntimeError("boom"))})

    with pytest.raises(InferenceError, match="model 'm' on backend 'm_backend' failed: RuntimeError: boom"):
        app.model("m").infer({"x": X})

    assert app.metrics.registry.get_sample_value("turnout_inference_requests_total", _arm("m", outcome="error")) == 1


def test_declared_tensors_are_checked_before_the_arm_and_not_counted_there(make_app: MakeApp) -> None:
    app = make_app(more={"plus": {"inputs": {"x": "FP32[2]"}, "max_batch_size": 2}})

    with pytest.raises(InvalidTensorError, match=r"tensor 'x' must be FP32 \[-1, 2\], got FP32 \[1\]"):
        app.model("plus").infer({"x": X})
    app.model("plus").infer({"x": np.zeros((2, 2), np.float32)})

    assert 'turnout_inference_duration_seconds_count{backend="plus_backend",model="plus"} 1.0' in app.metrics_text()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda app: app.model("pluss"), "unknown model 'pluss'; known: plus. Did you mean 'plus'?"),
        (lambda app: app.pipeline("al"), "unknown pipeline 'al'; known: all. Did you mean 'all'?"),
        (lambda app: app.run("everything"), "unknown pipeline 'everything'; known: all."),
        (lambda app: asyncio.run(app.arun("everything")), "unknown pipeline 'everything'; known: all."),
    ],
)
def test_a_wrong_name_lists_and_suggests(make_app: MakeApp, ask: Callable[[Turnout], object], said: str) -> None:
    app = make_app(steps={"double": Doubles})

    with pytest.raises(UnknownNameError) as caught:
        ask(app)

    assert str(caught.value) == said


@pytest.mark.parametrize("largest", [0, 4])
def test_the_most_rows_of_a_request_are_those_of_the_file(make_app: MakeApp, largest: int) -> None:
    app = make_app(more={"plus": {"max_batch_size": largest}})

    assert app.max_batch_size("plus") == largest
    with pytest.raises(UnknownNameError, match="'other'"):
        app.max_batch_size("other")


def test_a_wrong_name_says_in_which_file(plugins_with: Any, tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text("models: {plus: {backend: plus_one, backends: {plus_one: {}}}}\n", "utf-8")

    app = turnout.open(file, plugins=plugins_with({"plus_one": PlusOne}), metrics=Metrics())
    with app, pytest.raises(UnknownNameError, match=f"In {file}."):
        app.model("plu")


def test_run_and_arun_give_what_the_steps_wrote(make_app: MakeApp, asks: Any) -> None:
    app = make_app(steps={"double": Doubles, "ask": lambda: asks("plus", 2)})

    results = [app.run("all", x=21), asyncio.run(app.arun("all", x=21)), asyncio.run(app.arun("all", x=21))]

    assert [dict(result) for result in results] == [{"x": 21, "y": 42, "answers": [1.0, 2.0]}] * 3
    count = app.metrics.registry.get_sample_value("turnout_pipeline_duration_seconds_count", {"pipeline": "all"})
    assert count == 3


def test_a_pipeline_is_assembled_once(make_app: MakeApp) -> None:
    made: list[int] = []
    app = make_app(steps={"double": lambda: made.append(1) or Doubles()})  # type: ignore[func-returns-value]

    assert app.pipeline("all") is app.pipeline("all")
    assert made == [1]


def test_steps_in_the_wrong_order_are_refused_before_anything_runs(make_app: MakeApp, asks: Any) -> None:
    app = make_app(steps={"ask": lambda: asks("plus", needs=("y",)), "double": Doubles})

    with pytest.raises(PipelineError, match="move 'double', which provides it, before 'ask'"):
        app.run("all", x=1)


def test_a_step_that_asks_an_unknown_model_is_refused(make_app: MakeApp, asks: Any) -> None:
    app = make_app(steps={"ask": lambda: asks("pluss")})

    with pytest.raises(UnknownNameError) as caught:
        app.pipeline("all")

    assert str(caught.value) == ("unknown model 'pluss'; known: plus. Did you mean 'plus'? In step 'ask' of pipeline 'all'.")


def test_a_step_that_cannot_be_made_says_which(make_app: MakeApp) -> None:
    cause = OSError("no tokenizer")
    app = make_app(steps={"double": _raises(cause)})

    with pytest.raises(StepError, match="step 'double' of pipeline 'all' cannot be created: OSError: no tokenizer") as caught:
        app.pipeline("all")

    assert caught.value.__cause__ is cause


def test_a_step_that_exits_while_it_is_made_ends_no_process(make_app: MakeApp) -> None:
    app = make_app(steps={"double": _raises(SystemExit(3))})

    with pytest.raises(StepError, match="step 'double' of pipeline 'all' cannot be created: SystemExit: 3"):
        app.pipeline("all")


def test_a_turnout_error_of_a_step_that_is_made_passes_through(make_app: MakeApp) -> None:
    error = MissingDependencyError("pip install something")
    app = make_app(steps={"double": _raises(error)})

    with pytest.raises(MissingDependencyError):
        app.pipeline("all")


def test_leaving_the_with_block_closes_everything(make_app: MakeApp, asks: Any) -> None:
    inner = PlusOne()

    with make_app({"plus": lambda: inner}, {"ask": lambda: asks("plus")}) as app:
        app.run("all")

    assert not inner.ready()
    for call in (lambda: app.model("plus").infer({"x": X}), lambda: app.run("all"), lambda: asyncio.run(app.arun("all"))):
        with pytest.raises(ClosedError):
            call()


def test_closing_ends_a_run_in_progress_with_closed_error(make_app: MakeApp, asks: Any, gate: Any, limit_seconds: int) -> None:
    app = make_app({"m": lambda: gate}, {"ask": lambda: asks("m", 3)}, executor_threads=1)

    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(app.run, "all")
        assert gate.started.wait(limit_seconds)
        closing = threads.submit(app.close)
        while not app._threads.inference._closed:
            threading.Event().wait(0.001)
        gate.opened.set()
        closing.result(limit_seconds)

    assert isinstance(running.exception(limit_seconds), ClosedError)


def test_an_app_used_in_a_parent_works_in_its_forked_child(make_app: MakeApp, asks: Any) -> None:
    app = make_app(steps={"ask": lambda: asks("plus", 3)})
    app.run("all")

    child = os.fork()
    if child == 0:
        good = app.run("all")["answers"] == [1.0, 2.0, 3.0]
        counted = app.metrics.registry.get_sample_value("turnout_inference_requests_total", _arm("plus", outcome="ok"))
        os._exit(0 if good and counted == 3 else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert app.run("all")["answers"] == [1.0, 2.0, 3.0]


def test_an_arm_is_the_model_on_another_backend_closed_by_who_asked_for_it(plugins_with: Any) -> None:
    counts = Counts()
    settings = {"models": {"m": {"backend": "one", "backends": {"one": {}, "other": {}}}}}

    with turnout.open(settings, plugins=plugins_with({"one": PlusOne, "other": counts}), metrics=Metrics()) as app:
        arm = app.arm("m", "other")
        answer = arm.infer(turnout.InferenceRequest({"x": X}))
        arm.close()

        assert (answer["x"].tolist(), counts.count) == ([2], 1)
        assert app.model("m").infer({"x": X})["x"].tolist() == [2]
        with pytest.raises(UnknownNameError, match=r"unknown backend 'others'; known: one, other\..*'other'\? for model 'm'"):
            app.arm("m", "others")


def test_a_model_that_cannot_be_opened_is_a_request_that_failed(make_app: MakeApp) -> None:
    app = make_app({"m": _raises(ModelLoadError("no such file"))})

    with pytest.raises(ModelLoadError):
        app.model("m").infer({"x": X})

    labels = {"model": "m", "backend": "m_backend", "outcome": "error"}
    assert app.metrics.registry.get_sample_value("turnout_inference_requests_total", labels) == 1


def outcomes(app: Turnout, model: str = "m") -> dict[str, float]:
    values = {
        outcome: app.metrics.registry.get_sample_value(
            "turnout_inference_requests_total", {"model": model, "backend": f"{model}_backend", "outcome": outcome}
        )
        for outcome in Outcome
    }
    return {outcome: value for outcome, value in values.items() if value}


class TakesFloats(PlusOne):
    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1,)),))


REFUSED: dict[str, tuple[Any, dict[str, Any], type[TurnoutError], str]] = {
    "datatype": ({"x": np.ones(1)}, {}, InvalidTensorError, "invalid_request"),
    "name": ({"y": X}, {}, InvalidTensorError, "invalid_request"),
    "no mapping": ([X], {}, InvalidTensorError, "invalid_request"),
    "no array": ({"x": object()}, {}, InvalidTensorError, "invalid_request"),
    "deadline": ({"x": X}, {"timeout_seconds": -1.0}, DeadlineExceededError, "deadline_exceeded"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("door", ["infer", "ainfer", "infer_stream"])
def test_a_request_that_a_check_refuses_is_counted_once_and_the_next_is_answered(
    make_app: MakeApp, kind: str, door: str
) -> None:
    inputs, keywords, error, outcome = REFUSED[kind]
    app = make_app({"m": TakesFloats})
    model = app.model("m")
    calls = {
        "infer": lambda: model.infer(inputs, **keywords),
        "ainfer": lambda: asyncio.run(model.ainfer(inputs, **keywords)),
        "infer_stream": lambda: list(model.infer_stream(inputs, **keywords)),
    }
    model.open()

    with pytest.raises(error) as caught:
        calls[door]()

    assert model.infer({"x": X})["x"].tolist() == [2]
    assert outcomes(app) == {outcome: 1, "ok": 1}
    assert caught.value.model == "m"
    labels = {"model": "m", "backend": "m_backend", "reason": "invalid_tensors"}
    refused = app.metrics.registry.get_sample_value("turnout_refused_requests_total", labels)
    assert refused == (outcome == "invalid_request")


@pytest.mark.parametrize("created", [None, {}, PlusOne], ids=["nothing", "a dict", "a class"])
def test_a_backend_whose_create_returns_no_model_says_so(make_app: MakeApp, created: Any) -> None:
    app = make_app({"m": lambda: created})

    with pytest.raises(
        ModelLoadError, match=r"model 'm' cannot be opened on backend 'm_backend': its plugin returned \w+, not a"
    ):
        app.model("m").infer({"x": X})


def test_a_step_kind_whose_create_returns_no_step_says_so(make_app: MakeApp) -> None:
    app = make_app(steps={"double": lambda: None}, pipelines={"all": ["double"]})

    with pytest.raises(StepError, match="step 'double' of pipeline 'all' cannot be created: its plugin returned NoneType"):
        app.run("all", x=1)


def test_an_input_may_have_any_name(make_app: MakeApp) -> None:
    class Echoes(PipelineStep):
        inputs = ("pipeline", "inputs", "timeout_seconds", "self")
        provides = ("seen",)

        def process(self, context: PipelineContext) -> None:
            context["seen"] = [context[name] for name in self.inputs]

    app = make_app(steps={"echo": Echoes}, pipelines={"all": ["echo"]})
    given = {"pipeline": 1, "inputs": 2, "timeout_seconds": 3}

    assert app.run("all", given, self=4)["seen"] == [1, 2, 3, 4]
    assert asyncio.run(app.arun("all", given, self=4))["seen"] == [1, 2, 3, 4]
    with pytest.raises(PipelineError, match="pipeline 'all' got input 'self' twice, in the mapping and by keyword"):
        app.run("all", {**given, "self": 4}, self=5)


def test_a_model_that_cannot_be_closed_leaves_no_other_open(make_app: MakeApp) -> None:
    class Stuck(PlusOne):
        def close(self) -> None:
            super().close()
            raise RuntimeError("stuck")

    last = PlusOne()
    app = make_app({"first": Stuck, "last": lambda: last})
    for name in ("first", "last"):
        app.model(name).open()

    with pytest.raises(RuntimeError, match="stuck"):
        app.close()

    assert not last.ready()
    app.close()


def test_a_backend_whose_signature_fails_raises_no_foreign_exception(make_app: MakeApp) -> None:
    class Broken(PlusOne):
        def signature(self) -> ModelSignature:
            raise KeyError("inputs")

    app = make_app({"m": Broken})

    with pytest.raises(InferenceError, match="model 'm' on backend 'm_backend' failed: KeyError: 'inputs'"):
        app.model("m").signature()
    assert app.model("m").infer({"x": X})["x"].tolist() == [2]


def test_a_child_that_was_forked_while_a_pipeline_was_built_builds_it(make_app: MakeApp, asks: Any, limit_seconds: int) -> None:
    started, released = threading.Event(), threading.Event()

    def create() -> PipelineStep:
        started.set()
        released.wait(limit_seconds)
        return asks("plus", 1)  # type: ignore[no-any-return]

    app = make_app(steps={"ask": create})
    building = threading.Thread(target=app.pipeline, args=("all",))
    building.start()
    assert started.wait(limit_seconds)

    child = os.fork()
    if child == 0:
        signal.alarm(10)
        released.set()
        os._exit(0 if app.run("all")["answers"] == [1.0] else 1)
    released.set()
    building.join(limit_seconds)

    assert os.waitpid(child, 0)[1] == 0


def test_a_backend_that_exits_while_opening_fails_the_request_only(make_app: MakeApp) -> None:
    app = make_app({"m": _raises(SystemExit(3))})

    with pytest.raises(ModelLoadError, match="model 'm' cannot be opened on backend 'm_backend': SystemExit: 3"):
        app.model("m").infer({"x": X})


class ForgetsItsComma(PipelineStep):
    inputs = "raster"  # type: ignore[assignment]  # the slip

    def process(self, context: PipelineContext) -> None:
        """Do nothing."""


class DoesNothing(PipelineStep):
    provides = ("y",)


class ForgetsToWrite(PipelineStep):
    provides = ("y", "z")

    def process(self, context: PipelineContext) -> None:
        context["y"] = 1


class ReportsText(PipelineStep):
    def process(self, context: PipelineContext) -> None:
        context.report("broken", 0)  # type: ignore[arg-type]  # the slip


class ForgetsToReturn(PipelineStep):
    model = "m"

    def preprocess(self, context: PipelineContext) -> Any:
        InferenceRequest({"x": X})


class ReturnsOne(ForgetsToReturn):
    def preprocess(self, context: PipelineContext) -> Any:
        return InferenceRequest({"x": X})


class ReturnsArrays(ForgetsToReturn):
    def preprocess(self, context: PipelineContext) -> Any:
        return [X]


SLIPS: dict[type[PipelineStep], str] = {
    ForgetsItsComma: "cannot be created: its inputs is the text 'raster', not a tuple of names; write ('raster',)",
    DoesNothing: "cannot be created: it has no model and no process, so it does nothing; set self.model, or override process",
    ForgetsToWrite: "step 's' did not write 'z', which it provides; fix the step",
    ReportsText: "step 's' reports str, not an error of turnout.errors; pass one",
    ForgetsToReturn: "step 's' returned NoneType from preprocess, not a list of turnout.InferenceRequest; fix the step",
    ReturnsOne: "step 's' returned InferenceRequest from preprocess, not a list of turnout.InferenceRequest; fix the step",
    ReturnsArrays: "step 's' returned a list with ndarray from preprocess, not a list of turnout.InferenceRequest; fix",
}


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.__name__)
@pytest.mark.parametrize("door", ["run", "arun"])
def test_a_slip_of_a_step_is_named_at_the_step_that_made_it(make_app: MakeApp, slip: type[PipelineStep], door: str) -> None:
    app = make_app({"m": PlusOne}, steps={"s": slip}, pipelines={"all": ["s"]})

    with pytest.raises(TurnoutError) as caught:
        app.run("all") if door == "run" else asyncio.run(app.arun("all"))

    assert SLIPS[slip] in str(caught.value)
    assert app.model("m").infer({"x": X})["x"].tolist() == [2]


class SaysNothing(PlusOne):
    def signature(self) -> Any:
        return None


class SaysNonsense(PlusOne):
    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "float32", (-1,)),))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (SaysNothing, "model 'm' on backend 'm_backend' returned NoneType, not a ModelSignature; fix signature of the backend"),
        (SaysNonsense, "model 'm' on backend 'm_backend' has a wrong signature: unknown datatype 'float32'; known: BOOL"),
    ],
)
def test_a_signature_that_is_none_names_the_backend(make_app: MakeApp, kind: type[ModelInference], said: str) -> None:
    app = make_app({"m": kind})

    with pytest.raises(InferenceError) as caught:
        app.model("m").signature()

    assert str(caught.value).startswith(said)
