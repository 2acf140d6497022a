"""An arm of a pipeline: the pipeline with each model on one backend, and the sums of what its models answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from turnout.commands.bench.account import Account, account_of
from turnout.commands.bench.arms import OpenArm
from turnout.commands.bench.counts import ArmCounts, read_counts
from turnout.commands.bench.load.outcome import LoadOutcome, Target
from turnout.commands.bench.where_time_goes import OWN_PARTS, RequestSums
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.pipeline import Pipeline
from turnout.plugins.discovery import Plugins

NamedInputs = tuple[str, Mapping[str, Any]]
Reading = tuple[tuple[LoadOutcome, ArmCounts], ...]


class AnswerSums(ModelInference):
    """Records the answers of a model. Thread-safe: the outcome changes under ``_lock``."""

    def __init__(self, arm: OpenArm) -> None:
        self.arm = arm
        self._lock = threading.Lock()
        self._outcome = LoadOutcome()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        start = time.perf_counter()
        response = self.arm.inference.infer(request)
        seconds = time.perf_counter() - start
        with self._lock:
            self._outcome.answered(seconds, response.timings)
        return response

    def take(self) -> LoadOutcome:
        """Return the answers since the last call."""
        with self._lock:
            answers, self._outcome = self._outcome, LoadOutcome()
        return answers


class PipelineTarget:
    """A pipeline that runs on ``inputs`` in turn, which have names for messages. A run of which a part failed is a failure."""

    def __init__(self, pipeline: Pipeline, inputs: Sequence[NamedInputs]) -> None:
        self._pipeline = pipeline
        self._inputs = inputs

    def send(self, number: int, deadline: float) -> Mapping[str, float]:
        """Run the pipeline; return the seconds that its steps took beside their models."""
        _, inputs = self._inputs[number % len(self._inputs)]
        result = self._pipeline.run(inputs, timeout_seconds=deadline - time.monotonic())
        result.raise_for_failures()
        return {part: sum(step.get(part, 0.0) for step in result.timings.values()) for part in OWN_PARTS}

    def name(self, number: int) -> str:
        """Return the name of the inputs of a run."""
        return self._inputs[number % len(self._inputs)][0]


class PipelineArm:
    """A pipeline with each model on one backend."""

    def __init__(
        self, plugins: Plugins, pipeline: Pipeline, models: Sequence[AnswerSums], inputs: Sequence[NamedInputs]
    ) -> None:
        self._plugins = plugins
        self._models = models
        self._target = PipelineTarget(pipeline, inputs)

    def target(self, batch: int | None) -> Target:
        """Return the pipeline with its inputs."""
        return self._target

    def rows(self, batch: int | None) -> float | None:
        """Return None: a run is no batch."""
        return None

    def read(self) -> Reading:
        """Return the answers of each model since the last reading, and its counts."""
        return tuple((model.take(), read_counts(self._plugins, model.arm)) for model in self._models)

    def account(self, outcome: LoadOutcome, before: Reading, after: Reading) -> Account:
        """Return the account of a load: the work of the steps, and the requests of all models."""
        models = [
            RequestSums(len(one.latencies), sum(one.latencies), one.parts, one.reported, counts.since(earlier))
            for (_, earlier), (one, counts) in zip(before, after, strict=True)
        ]
        return account_of(outcome, outcome.parts, models)
