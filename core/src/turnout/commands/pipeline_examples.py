"""Requests that pipelines send to their models when they run on the examples of their steps."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from turnout.errors import TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics import Metrics
from turnout.pipeline import Pipeline
from turnout.plugins.discovery import Plugins
from turnout.serving.app import Turnout
from turnout.serving.executor import AppThreads
from turnout.serving.pipelines import Pipelines
from turnout.settings import LoadedSettings

logger = logging.getLogger(__name__)

Inputs = Mapping[str, Any]
_MAX_SENT = 64


class RequestTap(ModelInference):
    """The serving arm of a model alone, which keeps the first requests that a pipeline sends to it.

    Not the model of the app: examples must be neither recorded nor counted as evidence for a shadow.
    """

    def __init__(self, arm: ModelInference) -> None:
        self.arm = arm
        self.sent: list[Inputs] = []

    @property
    def first(self) -> Inputs | None:
        """The first request; None if there was none."""
        return self.sent[0] if self.sent else None

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if len(self.sent) < _MAX_SENT:
            self.sent.append(request.inputs)
        return self.arm.infer(request)

    def close(self) -> None:
        self.arm.close()


@contextmanager
def tapped_pipelines(
    app: Turnout, plugins: Plugins, loaded: LoadedSettings
) -> Iterator[tuple[Pipelines, Mapping[str, RequestTap]]]:
    """Yield the pipelines of ``loaded`` on a tap of each model, and the taps; a model opens at its first request."""
    with ExitStack() as stack:
        taps = {name: RequestTap(app.arm(name, model.backend)) for name, model in loaded.models.items()}
        for tap in taps.values():
            stack.callback(tap.close)
        metrics = Metrics()
        threads = AppThreads(loaded.settings.executor_threads, metrics)
        stack.callback(threads.close)
        yield Pipelines(loaded, plugins, taps, metrics, threads), taps


def example_inputs(pipeline: Pipeline) -> tuple[dict[str, Any], list[str]]:
    """Return an example of each required input of ``pipeline``, and the names of those that no step has one for."""
    examples = pipeline.plan.examples()
    missing = [name for name in pipeline.plan.inputs if name not in examples]
    return {name: examples[name] for name in pipeline.plan.inputs if name in examples}, missing


def find_example_requests(app: Turnout, plugins: Plugins, loaded: LoadedSettings, model: str) -> tuple[list[Inputs], str]:
    """Return what the first pipeline that sends requests to ``model`` sends on its examples, and the pipeline's name; blocks.

    Both are empty if there is none, such as a pipeline whose other models cannot be opened here.
    """
    with tapped_pipelines(app, plugins, loaded) as (pipelines, taps):
        for name in pipelines.names:
            try:
                _run_on_examples(pipelines.get(name), model)
            except TurnoutError as error:
                logger.info("pipeline %r gives no requests for model %r: %s", name, model, error)
            if taps[model].sent:
                return taps[model].sent, name
    return [], ""


def _run_on_examples(pipeline: Pipeline, model: str) -> None:
    inputs, missing = example_inputs(pipeline)
    if not missing and any(step.model == model for step in pipeline.plan.steps.values()):
        pipeline.run(inputs)
