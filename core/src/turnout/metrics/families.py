"""The metric families of requests, models and pipelines.

Only counters, histograms and gauges: the multi-process mode of prometheus_client (gunicorn) supports no other kind.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge

from turnout.forking import Forks
from turnout.metrics.histogram import BatchHistogram
from turnout.metrics.process_files import write_in_child

LATENCY_BUCKETS_SECONDS: tuple[float, ...] = (
    *(float(f"{edge}e{exponent}") for exponent in range(-3, 2) for edge in (1, 1.5, 2.5, 4, 6)),
    100.0,
)
"""1, 1.5, 2.5, 4 and 6 of each decade from 1 ms to 100 s: two neighbors are a factor of 1.7 apart at most."""

_ARM = ("model", "backend")


class Families:
    """One object for each family, all in ``registry``."""

    def __init__(self, registry: CollectorRegistry, buckets: tuple[float, ...]) -> None:
        self._buckets = buckets
        self.requests = Counter(
            "turnout_inference_requests",
            "Requests to a model's backend, by outcome.",
            (*_ARM, "outcome"),
            registry=registry,
        )
        self.request_seconds = self._histogram(
            registry,
            "turnout_inference_duration_seconds",
            "Seconds from the arrival of a request to its answer, waiting included.",
            _ARM,
        )
        self.in_flight = Gauge(
            "turnout_inference_in_flight",
            "Requests in flight.",
            _ARM,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.execution_seconds = self._histogram(
            registry, "turnout_execution_duration_seconds", "Seconds of one execution in the backend itself.", _ARM
        )
        self.load_seconds = self._histogram(registry, "turnout_model_load_duration_seconds", "Seconds to open a model.", _ARM)
        self.pipeline_runs = Counter(
            "turnout_pipeline_runs", "Runs of a pipeline, by outcome.", ("pipeline", "outcome"), registry=registry
        )
        self.pipeline_seconds = self._histogram(
            registry, "turnout_pipeline_duration_seconds", "Seconds of a whole run of a pipeline.", ("pipeline",)
        )
        self.step_seconds = self._histogram(
            registry, "turnout_step_duration_seconds", "Seconds of one part of a step.", ("pipeline", "step", "part")
        )
        self.step_failures = Counter(
            "turnout_step_failures",
            "Failures of a step, by reason.",
            ("pipeline", "step", "reason"),
            registry=registry,
        )
        self.build = Gauge(
            "turnout_build_info", "Always 1; the version is a label.", ("version",), registry=registry, multiprocess_mode="max"
        )
        self._build = self.build.labels(version("turnout"))
        self._build.set(1)
        Forks.renew(self)

    def renew(self) -> None:
        """Write the version to the files of a forked child."""
        write_in_child(partial(self._build.set, 1))

    def observe_load(self, model: str, backend: str, seconds: float) -> None:
        """Record the seconds that it took to open a model."""
        self.load_seconds.labels(model, backend).observe(seconds)

    def _histogram(self, registry: CollectorRegistry, name: str, description: str, labels: tuple[str, ...]) -> BatchHistogram:
        return BatchHistogram(name, description, labels, registry=registry, buckets=self._buckets)
