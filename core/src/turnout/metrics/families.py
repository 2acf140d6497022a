"""The metric families of requests, models and pipelines, in a registry."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

from prometheus_client import CollectorRegistry

from turnout.forking import Forks
from turnout.metrics.catalogue import models, operation, pipelines
from turnout.metrics.process_files import write_in_child

LATENCY_BUCKETS_SECONDS: tuple[float, ...] = (
    *(float(f"{edge}e{exponent}") for exponent in range(-3, 2) for edge in (1, 1.5, 2.5, 4, 6)),
    100.0,
)
"""1, 1.5, 2.5, 4 and 6 of each decade from 1 ms to 100 s: two neighbors are a factor of 1.7 apart at most."""

STEP_BUCKETS_SECONDS: tuple[float, ...] = (
    *(float(f"{edge}e{exponent}") for exponent in range(-3, 2) for edge in (1, 3)),
    100.0,
)
"""1 and 3 of each decade from 1 ms to 100 s: a step has three parts, and each costs a series for every bucket."""


class Families:
    """One object for each family, all in ``registry``."""

    def __init__(self, registry: CollectorRegistry, buckets: tuple[float, ...], step_buckets: tuple[float, ...]) -> None:
        self.requests = models.REQUESTS.create(registry)
        self.request_seconds = models.REQUEST_SECONDS.create(registry, buckets)
        self.in_flight = models.IN_FLIGHT.create(registry)
        self.execution_seconds = models.EXECUTION_SECONDS.create(registry, buckets)
        self.load_seconds = models.LOAD_SECONDS.create(registry, buckets)
        self.pipeline_runs = pipelines.RUNS.create(registry)
        self.pipeline_seconds = pipelines.RUN_SECONDS.create(registry, buckets)
        self.step_seconds = pipelines.STEP_SECONDS.create(registry, step_buckets)
        self.step_failures = pipelines.STEP_FAILURES.create(registry)
        self.build = operation.BUILD_INFO.create(registry)
        self._build = self.build.labels(version("turnout"))
        self._build.set(1)
        Forks.renew(self)

    def renew(self) -> None:
        """Write the version to the files of a forked child."""
        write_in_child(partial(self._build.set, 1))

    def observe_load(self, model: str, backend: str, seconds: float) -> None:
        """Record the seconds that it took to open a model."""
        self.load_seconds.labels(model, backend).observe(seconds)
