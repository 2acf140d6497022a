"""All the metrics of a process: hands out bound meters, folds them, renders them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from turnout.errors import ConfigurationError
from turnout.metrics.calls import Durations, InFlight, multiprocess
from turnout.metrics.families import LATENCY_BUCKETS_SECONDS, OUTCOMES, Families
from turnout.metrics.recording import RecordingFamilies
from turnout.metrics.resilience import ResilienceMeters
from turnout.metrics.shadow import ShadowMetrics


class FoldingRegistry(CollectorRegistry):
    """A registry whose scrape first folds what is pending."""

    def __init__(self) -> None:
        super().__init__()
        self.fold: Callable[[], None] = lambda: None

    def collect(self) -> Iterable[Metric]:
        self.fold()
        return super().collect()

    def get_sample_value(self, name: str, labels: dict[str, str] | None = None) -> float | None:
        self.fold()
        return super().get_sample_value(name, labels)


@dataclass(frozen=True, slots=True)
class RequestMeter:
    """The bound cells of one arm's requests.

    Attributes:
        in_flight: the calls in flight.
        answered: the seconds of calls that succeeded.
        failed: the seconds of calls that failed, by outcome.
        refused: counts a request that was refused before it reached the arm, by outcome; it has no duration.
    """

    in_flight: InFlight
    answered: Durations
    failed: Mapping[str, Durations]
    refused: Mapping[str, Callable[[], None]]


class PipelineMeter:
    """Takes the times of one pipeline's runs. Its cells are bound here, once for each step and part."""

    def __init__(self, families: Families, pipeline: str, parts: Mapping[str, Sequence[str]]) -> None:
        self._run = families.pipeline_seconds.labels(pipeline)
        self._parts = {
            (step, part): families.step_seconds.labels(pipeline, step, part) for step, names in parts.items() for part in names
        }

    def observe_run(self, seconds: float, timings: Mapping[str, Mapping[str, float]]) -> None:
        """Take one run and the parts of its steps."""
        self._run.observe(seconds)
        for step, parts in timings.items():
            for part, part_seconds in parts.items():
                self._parts[step, part].observe(part_seconds)


class Metrics:
    """The metrics of one registry. Thread-safe; made once, before the models.

    Attributes:
        registry: hand it to ``prometheus_client.start_http_server`` or ``make_wsgi_app``.
        resilience: meters of fallbacks, circuits, retries and refused requests.
        shadows: meters of shadows' verdicts.
        recordings: counters of recorded requests.
    """

    def __init__(self, buckets: tuple[float, ...] = LATENCY_BUCKETS_SECONDS) -> None:
        self.registry = FoldingRegistry()
        self.registry.fold = self.fold
        self.buckets = buckets
        self._families = Families(self.registry, buckets)
        self.resilience = ResilienceMeters(self.registry)
        self.shadows = ShadowMetrics(self.registry)
        self.recordings = RecordingFamilies(self.registry)
        self._meters: dict[tuple[str, str], RequestMeter] = {}
        self._lock = threading.Lock()

    def requests(self, model: str, backend: str) -> RequestMeter:
        """Return the meter of an arm's requests; the same one for the same arm."""
        with self._lock:
            key = (model, backend)
            if key not in self._meters:
                self._meters[key] = self._request_meter(model, backend)
            return self._meters[key]

    def observe_load(self, model: str, backend: str, seconds: float) -> None:
        """Take the seconds that opening a model took."""
        self._families.load_seconds.labels(model, backend).observe(seconds)

    def pipeline(self, pipeline: str, parts: Mapping[str, Sequence[str]]) -> PipelineMeter:
        """Return what takes the times of a pipeline's runs; ``parts`` are the parts of each of its steps."""
        return PipelineMeter(self._families, pipeline, parts)

    def fold(self) -> None:
        """Bring every Prometheus cell up to date; a scrape of ``registry`` does so by itself."""
        with self._lock:
            meters = list(self._meters.values())
        for meter in meters:
            meter.in_flight.fold()
            meter.answered.fold()
            for durations in meter.failed.values():
                durations.fold()

    def render(self) -> str:
        """Return everything in Prometheus' text format; in multi-process mode, that of all processes together."""
        if not multiprocess():
            return generate_latest(self.registry).decode()
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]  # prometheus_client has no types there
        return generate_latest(everybody).decode()

    def _request_meter(self, model: str, backend: str) -> RequestMeter:
        families = self._families
        # One measurement for both histograms, until something waits between a request and its execution.
        seconds = (families.request_seconds.labels(model, backend), families.execution_seconds.labels(model, backend))
        counters = {outcome: families.requests.labels(model, backend, outcome) for outcome in OUTCOMES}
        return RequestMeter(
            InFlight(families.in_flight.labels(model, backend)),
            Durations(*seconds, counter=counters["ok"]),
            {outcome: Durations(*seconds, counter=counter) for outcome, counter in counters.items() if outcome != "ok"},
            {outcome: counter.inc for outcome, counter in counters.items() if outcome != "ok"},
        )


_shared: list[Metrics] = []
_shared_lock = threading.Lock()


def shared_metrics(buckets: tuple[float, ...] = LATENCY_BUCKETS_SECONDS) -> Metrics:
    """Return the metrics of this process, which all its apps share unless they are given their own.

    Raises:
        ConfigurationError: another app of this process has asked for other buckets.
    """
    with _shared_lock:
        if not _shared:
            _shared.append(Metrics(buckets))
        metrics = _shared[0]
    if metrics.buckets != buckets:
        raise ConfigurationError(
            f"metrics.latency_buckets_seconds asks for {list(buckets)}, but this process counts in {list(metrics.buckets)}; "
            "open both apps with the same buckets, or give one its own: open(..., metrics=turnout.metrics.Metrics(buckets))"
        )
    return metrics


def render() -> str:
    """Return the metrics that this process shares, in Prometheus' text format."""
    return shared_metrics(_shared[0].buckets if _shared else LATENCY_BUCKETS_SECONDS).render()
