"""The statistics of models in the form of the statistics extension, from the metrics of the app."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from turnout import Turnout
from turnout.health import Health, ModelHealth
from turnout.metrics import Metrics
from turnout_web.kserve.metadata import find_version, json_response
from turnout_web.kserve.served import NO_VERSION, ServedModel, ServedModels, read_health, serving_arm

_SECOND_NS = 1e9
_REQUESTS = "turnout_inference_requests_total"
_USED = {
    "turnout_inference_duration_seconds_sum": "request_seconds",
    "turnout_inference_rows_total": "rows",
    "turnout_executions_total": "executions",
    "turnout_queue_duration_seconds_sum": "queue_seconds",
    "turnout_queue_duration_seconds_count": "queued",
    "turnout_execution_duration_seconds_sum": "execution_seconds",
    "turnout_execution_duration_seconds_count": "timed_executions",
}
# Copies of requests, whose answers no caller gets.
_NOT_COUNTED = "shadow"


@dataclass(slots=True)
class Counts:
    """The sums of one model on one backend, as the metrics have them."""

    good: float = 0
    failed: float = 0
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, other: Counts) -> None:
        """Add the sums of another backend."""
        self.good += other.good
        self.failed += other.failed
        for name, value in other.sums.items():
            self.sums[name] += value


class Statistics:
    """The endpoints of the statistics, over all workers of the server if there are several."""

    def __init__(self, app: Turnout, served: ServedModels) -> None:
        self._app, self._served = app, served

    async def of_model(self, request: Request) -> Response:
        """Return the statistics of one model."""
        model = await find_version(self._served, request)
        return await self._respond([model])

    async def of_all(self, _: Request) -> Response:
        """Return the statistics of all models."""
        return await self._respond(list(self._served))

    async def _respond(self, models: list[ServedModel]) -> Response:
        health: Health = await read_health(self._app, 0.0)
        counts = await asyncio.to_thread(read_counts, self._app.metrics)
        found = [_describe(model, health.models[model.name], counts) for model in models if model.name in health.models]
        return json_response({"model_stats": found})


def read_counts(metrics: Metrics) -> dict[tuple[str, str], Counts]:
    """Return the counts of each model on each backend."""
    found: dict[tuple[str, str], Counts] = defaultdict(Counts)
    for family in metrics.collect():
        for sample in family.samples:
            labels = sample.labels
            if sample.name == _REQUESTS:
                counts = found[labels["model"], labels["backend"]]
                if labels["outcome"] == "ok":
                    counts.good += sample.value
                else:
                    counts.failed += sample.value
            elif sample.name in _USED:
                found[labels["model"], labels["backend"]].sums[_USED[sample.name]] += sample.value
    return found


def _describe(model: ServedModel, health: ModelHealth, counts: Mapping[tuple[str, str], Counts]) -> dict[str, Any]:
    total = Counts()
    for backend in _answering(health):
        total.add(counts.get((model.name, backend), Counts()))
    sums = total.sums
    executions = sums["executions"] or sums["timed_executions"]
    none = _duration(0, 0)
    return {
        "name": model.name,
        "version": serving_arm(health).version or NO_VERSION,
        "last_inference": model.last_inference,
        "inference_count": int(sums["rows"] or total.good),
        "execution_count": int(executions),
        "inference_stats": {
            "success": _duration(total.good, sums["request_seconds"]),
            "fail": _duration(total.failed, 0),
            "queue": _duration(sums["queued"] or total.good, sums["queue_seconds"]),
            "compute_input": _duration(executions, 0),
            "compute_infer": _duration(executions, sums["execution_seconds"]),
            "compute_output": _duration(executions, 0),
            "cache_hit": none,
            "cache_miss": none,
        },
        "response_stats": {},
        "batch_stats": [],
        "memory_usage": [],
    }


def _answering(health: ModelHealth) -> Collection[str]:
    return {arm.backend for arm in health.arms if arm.role != _NOT_COUNTED}


def _duration(count: float, seconds: float) -> dict[str, int]:
    return {"count": int(count), "ns": int(seconds * _SECOND_NS)}
