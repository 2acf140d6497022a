"""The declaration of a metric family: its row in docs/reference/metrics.md, and its object in a registry.

Only counters, histograms and gauges: the multi-process mode of prometheus_client (gunicorn) supports no other kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

from turnout.metrics.cells import TolerantLabels
from turnout.metrics.histogram import BatchHistogram

GaugeMode = Literal["livesum", "livemax", "livemin", "livemostrecent"]
"""The value of a gauge over several processes: of the living ones, so that the value of a dead one goes away."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family.

    Attributes:
        name: the name that queries use, with the ``_total`` of a counter.
        labels: the names of its labels.
        unit: the unit of its values, "none" where they have none.
        meaning: what it measures, as Markdown. Its first sentence is the HELP text of a scrape.
    """

    kind: ClassVar[str]

    name: str
    labels: tuple[str, ...]
    unit: str
    meaning: str

    @property
    def help(self) -> str:
        """The first sentence of the meaning, without Markdown."""
        return self.meaning.partition(". ")[0].removesuffix(".").replace("`", "") + "."


@dataclass(frozen=True, slots=True)
class CounterFamily(Family):
    """A number that only grows."""

    kind = "counter"

    def create(self, registry: CollectorRegistry) -> Counter:
        """Return the counter, in ``registry``."""
        return _Counter(self.name, self.help, self.labels, registry=registry)


@dataclass(frozen=True, slots=True)
class GaugeFamily(Family):
    """A number that goes up and down.

    Attributes:
        mode: what a scrape of several processes shows.
    """

    kind = "gauge"

    mode: GaugeMode

    def create(self, registry: CollectorRegistry) -> Gauge:
        """Return the gauge, in ``registry``."""
        return _Gauge(self.name, self.help, self.labels, registry=registry, multiprocess_mode=self.mode)


@dataclass(frozen=True, slots=True)
class HistogramFamily(Family):
    """A distribution of observed values."""

    kind = "histogram"

    def create(self, registry: CollectorRegistry, buckets: tuple[float, ...]) -> BatchHistogram:
        """Return the histogram, in ``registry``, with the upper edges ``buckets``."""
        return BatchHistogram(self.name, self.help, self.labels, registry=registry, buckets=buckets)


class _Counter(TolerantLabels, Counter):
    pass


class _Gauge(TolerantLabels, Gauge):
    pass
