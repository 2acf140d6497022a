"""A plugin with steps and backends that the demo has not: inputs without a form, answers that fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import numpy as np

from turnout import (
    Backend,
    InferenceRequest,
    InferenceResponse,
    ModelInference,
    Options,
    PipelineContext,
    PipelineStep,
    Step,
    StepInput,
    hookimpl,
)
from turnout.errors import BackendUnavailableError, InferenceError, InvalidTensorError, OverloadedError
from turnout.plugins.discovery import Plugins
from turnout.testing import PlusOne

ERRORS = {
    "unavailable": BackendUnavailableError("the server is down"),
    "overloaded": OverloadedError("the queue is full", retry_after_seconds=3),
    "refuses": InvalidTensorError("tensor 'x' is too long"),
    "fails": InferenceError("the model failed"),
}


class Fails(ModelInference):
    """A model that answers each request with an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        raise self._error


class Look(PipelineStep):
    """Writes what it got: the type, and the value itself."""

    optional_inputs = ("value", "note", "upload")
    provides = ("seen",)
    input_forms: ClassVar = {"note": StepInput("text"), "upload": StepInput("file")}

    def process(self, context: PipelineContext) -> None:
        context["seen"] = {
            name: {"type": type(context[name]).__name__, "value": context[name]} for name in context if name != "seen"
        }


class Ask(PipelineStep):
    """Sends two requests to the model ``m``."""

    model = "m"
    inputs = ("x",)
    provides = ("y",)

    def example_inputs(self) -> Mapping[str, Any]:
        return {"x": np.arange(3, dtype=np.float32)}

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        return [InferenceRequest({"x": np.asarray(context["x"], np.float32)}) for _ in range(2)]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context["y"] = [response["x"] for response in responses]


class Pass(PipelineStep):
    """Draws nothing, though it could."""

    def process(self, context: PipelineContext) -> None:
        return None

    def draw(self, result: Mapping[str, Any]) -> None:
        return None


@hookimpl
def turnout_steps() -> Iterable[Step[Any]]:
    yield Step("look", lambda declaration, options: Look(), Options)
    yield Step("ask", lambda declaration, options: Ask(), Options)
    yield Step("pass", lambda declaration, options: Pass(), Options)


@hookimpl
def turnout_backends() -> Iterable[Backend[Any]]:
    yield Backend("adds", lambda model, options: PlusOne(), Options)
    for name, error in ERRORS.items():
        yield Backend(name, lambda model, options, error=error: Fails(error), Options)


def odd_settings(backend: str = "adds") -> dict[str, Any]:
    """Return settings with the pipelines ``look`` and ``ask``, whose model is on ``backend``."""
    models = {"m": {"backend": backend, "backends": {backend: {}}}}
    return {"models": models, "pipelines": {"look": ["look", "pass"], "ask": ["look", "ask"]}}


def odd_plugins() -> Plugins:
    """Return this plugin alone."""
    return Plugins([EntryPoint("odd", __name__, "turnout")])
