"""Targets of a load: a model that gets prepared requests, and a pipeline that runs on prepared inputs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from turnout.inference import ModelInference
from turnout.pipeline import Pipeline
from turnout.recording import RecordedRequest

_OWN_PARTS = ("preprocess", "postprocess", "process")


class ModelTarget:
    """A model that gets ``records`` in turn."""

    def __init__(self, model: ModelInference, records: Sequence[RecordedRequest]) -> None:
        self._model = model
        self._records = records

    def send(self, number: int, deadline: float) -> Mapping[str, float]:
        """Send a record; return the parts that the backend reports."""
        return self._model.infer(self._records[number % len(self._records)].request(deadline)).timings

    def name(self, number: int) -> str:
        """Return the name of a record."""
        return self._records[number % len(self._records)].name


class PipelineTarget:
    """A pipeline that runs on ``inputs`` in turn, which have names for messages. A run of which a part failed is a failure."""

    def __init__(self, pipeline: Pipeline, inputs: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        self._pipeline = pipeline
        self._inputs = inputs

    def send(self, number: int, deadline: float) -> Mapping[str, float]:
        """Run the pipeline; return the seconds that its steps took beside their models."""
        _, inputs = self._inputs[number % len(self._inputs)]
        result = self._pipeline.run(inputs, timeout_seconds=deadline - time.monotonic())
        result.raise_for_failures()
        parts = dict.fromkeys(_OWN_PARTS, 0.0)
        for step in result.timings.values():
            for part in _OWN_PARTS:
                parts[part] += step.get(part, 0.0)
        return parts

    def name(self, number: int) -> str:
        """Return the name of the inputs of a run."""
        return self._inputs[number % len(self._inputs)][0]
