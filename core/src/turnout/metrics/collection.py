"""All metrics of a process: bound meters, one registry, one text."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from prometheus_client import Metric, ProcessCollector

from turnout.forking import Forks
from turnout.metrics.backends import BackendMetrics
from turnout.metrics.batching import BatchFamilies, BatchMeter
from turnout.metrics.calls import Durations, InFlight
from turnout.metrics.executor import ExecutorMetrics
from turnout.metrics.exemplars import ExemplarDurations, ExemplarLabels
from turnout.metrics.exposition import scrape_text
from turnout.metrics.families import LATENCY_BUCKETS_SECONDS, STEP_BUCKETS_SECONDS, Families
from turnout.metrics.gpus import Gpus, find_gpus
from turnout.metrics.labels import Outcome
from turnout.metrics.pipeline import PipelineMeter
from turnout.metrics.process_files import (
    VARIABLE,
    guard,
    is_multiprocess,
    log_lost_files,
    mark_open_app,
    metric_files,
    warn_of_late_variable,
)
from turnout.metrics.process_sum import collect_processes
from turnout.metrics.recording import RecordingFamilies
from turnout.metrics.registry import FoldingRegistry
from turnout.metrics.resilience import ResilienceMeters
from turnout.metrics.serving import ServingMetrics
from turnout.metrics.settings import SettingsMetrics
from turnout.metrics.shadow import ShadowMetrics
from turnout.metrics.workers import warn_of_other_workers


@dataclass(frozen=True, slots=True)
class RequestMeter:
    """The bound cells of one arm's requests.

    Attributes:
        in_flight: the calls in flight.
        answered: the seconds of calls that succeeded.
        failed: the seconds of calls that failed, by outcome; cancelled calls are counted only.
        refused: counts a request that was refused before it reached the arm, by outcome; it has no duration.
    """

    in_flight: InFlight
    answered: Durations
    failed: Mapping[Outcome, Durations]
    refused: Mapping[Outcome, Callable[[], None]]


class Metrics:
    """The metrics of one registry. Thread-safe. Create it once, before the models.

    Args:
        buckets: the upper edges of the histograms of latencies, in seconds.
        step_buckets: those of ``turnout_step_duration_seconds``.

    Raises:
        ConfigurationError: PROMETHEUS_MULTIPROC_DIR names no folder that can be written.

    Attributes:
        registry: pass it to ``prometheus_client.start_http_server`` or ``make_wsgi_app``.
        resilience: meters of fallbacks, circuits, retries and refused requests.
        shadows: counters of shadows' verdicts, errors and latencies.
        recordings: counters of recorded requests.
        serving: the roles of backends, and the canaries' shares.
        settings: the reloads of turnout.yaml.
        executors: the queues of the apps' threads.
        backends: meters of versions, servers and bytes.
    """

    def __init__(
        self,
        buckets: tuple[float, ...] = LATENCY_BUCKETS_SECONDS,
        step_buckets: tuple[float, ...] = STEP_BUCKETS_SECONDS,
    ) -> None:
        self.registry = FoldingRegistry()
        self.registry.fold = self.fold
        self.buckets = buckets
        self.step_buckets = step_buckets
        warn_of_late_variable()
        with metric_files():
            self._families = Families(self.registry, buckets, step_buckets)
            self._batch_families = BatchFamilies(self.registry, buckets)
            self.resilience = ResilienceMeters(self.registry)
            self.shadows = ShadowMetrics(self.registry, buckets)
            self.recordings = RecordingFamilies(self.registry)
            self.serving = ServingMetrics(self.registry)
            self.settings = SettingsMetrics(self.registry)
            self.executors = ExecutorMetrics(self.registry)
            self.backends = BackendMetrics(self.registry)
        if not is_multiprocess():
            # The sum of all processes has no start and no memory; there the machine's own metrics have them.
            ProcessCollector(registry=self.registry)
        self._meters: dict[tuple[str, str, bool, bool], RequestMeter] = {}
        self._in_flight: dict[tuple[str, str], InFlight] = {}
        self._batches: dict[tuple[str, str], BatchMeter] = {}
        self._pipelines: dict[tuple[object, ...], PipelineMeter] = {}
        self._observe_load = guard(self._families.observe_load)
        self._lock = threading.Lock()
        self._forks = Forks.count
        self._gpus: Gpus | None = None

    def requests(
        self, model: str, backend: str, *, batched: bool = False, exemplar: ExemplarLabels | None = None
    ) -> RequestMeter:
        """Return the meter of an arm's requests; the same object for the same arm.

        A request of an arm that is not ``batched`` is an execution too; otherwise ``batches`` has the executions. ``exemplar``
        returns the trace of a call, where calls are traced.
        """
        with self._lock:
            key = (model, backend, batched, exemplar is not None)
            if key not in self._meters:
                mark_open_app()
                self._meters[key] = self._request_meter(model, backend, batched=batched, exemplar=exemplar)
            return self._meters[key]

    def batches(self, model: str, backend: str) -> BatchMeter:
        """Return the meter of an arm's queue, batches and executions; the same object for the same arm."""
        with self._lock:
            key = (model, backend)
            if key not in self._batches:
                mark_open_app()
                execution_seconds = self._families.execution_seconds.labels(model, backend)
                late = self.resilience.late(model, backend)
                self._batches[key] = BatchMeter(self._batch_families, model, backend, execution_seconds, late)
            return self._batches[key]

    def observe_load(self, model: str, backend: str, seconds: float) -> None:
        """Record the seconds that it took to open a model."""
        self._observe_load(model, backend, seconds)

    def pipeline(self, pipeline: str, parts: Mapping[str, Sequence[str]]) -> PipelineMeter:
        """Return the meter of a pipeline, the same object for the same one; ``parts`` are the parts of each step."""
        with self._lock:
            key = (pipeline, *((step, tuple(names)) for step, names in parts.items()))
            if key not in self._pipelines:
                mark_open_app()
                self._pipelines[key] = PipelineMeter(self._families, pipeline, parts)
            return self._pipelines[key]

    def watch_gpus(self, nvml: Any = None, *, asked: bool = True) -> None:
        """Add the GPUs of this machine to every scrape, as ``find_gpus`` finds them, if they were ``asked`` for."""
        with self._lock:
            if self._gpus is not None or not asked:
                return
            self._gpus = find_gpus(nvml)
        if self._gpus is not None and not is_multiprocess():
            self.registry.register(self._gpus)

    def fold(self) -> None:
        """Write pending calls to their Prometheus cells; a scrape of ``registry`` calls this itself."""
        with self._lock:
            meters, batches = list(self._meters.values()), list(self._batches.values())
            pipelines = list(self._pipelines.values())
        for pipeline in pipelines:
            pipeline.fold()
        for meter in meters:
            meter.in_flight.fold()
            meter.answered.fold()
            for durations in meter.failed.values():
                durations.fold()
        for batch_meter in batches:
            batch_meter.fold()
        self.executors.fold()
        self.resilience.fold()
        self.backends.fold()

    def collect(self) -> Iterable[Metric]:
        """Return the families of a scrape; in the multi-process mode, the sum over all processes.

        Raises:
            ConfigurationError: in the multi-process mode, its folder is gone.
        """
        if is_multiprocess():
            # GPUs are the machine's, not those of a process: whichever answers the scrape reads them.
            log_lost_files()
            gpus = () if self._gpus is None else self._gpus.collect()
            return chain(collect_processes(Path(os.environ[VARIABLE])), gpus)
        warn_of_other_workers(self._forks)
        return self.registry.collect()

    def render(self) -> str:
        """Return what a scrape returns, in Prometheus' text format. Raises as ``collect``."""
        return scrape_text(self.collect)

    def _request_meter(self, model: str, backend: str, *, batched: bool, exemplar: ExemplarLabels | None) -> RequestMeter:
        families = self._families
        seconds = [families.request_seconds.labels(model, backend)]
        if not batched:
            # One measurement for both histograms: nothing waits between a request and its execution.
            seconds.append(families.execution_seconds.labels(model, backend))
        counters = {outcome: families.requests.labels(model, backend, outcome) for outcome in Outcome}
        failures = [outcome for outcome in Outcome if outcome is not Outcome.OK]
        durations = Durations if exemplar is None or is_multiprocess() else partial(ExemplarDurations, exemplar)
        in_flight = self._in_flight.setdefault((model, backend), InFlight(families.in_flight.labels(model, backend)))
        return RequestMeter(
            in_flight,
            durations(*seconds, counter=counters[Outcome.OK]),
            # The time until a caller left is no latency of the model.
            {
                outcome: Durations(counter=counters[outcome])
                if outcome is Outcome.CANCELLED
                else durations(*seconds, counter=counters[outcome])
                for outcome in failures
            },
            {outcome: guard(counters[outcome].inc) for outcome in failures},
        )
