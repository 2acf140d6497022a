"""The text of a scrape, as prometheus_client writes it, in less time.

A series keeps its name and labels, so that part of its line is written once, by prometheus_client, and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

Encode = Callable[..., bytes]
"""An encoder of prometheus_client, which takes a registry."""
_Key = tuple[object, ...]


class TextFormat:
    """One text format: that of ``encode``. Thread-safe: the kept texts are only added to.

    Args:
        encode: writes the families of a registry.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._heads: dict[_Key, str] = {}
        self._lines: dict[_Key, str] = {}
        self._end = encode(_Registry()).decode()

    def text(self, metrics: Iterable[Metric]) -> str:
        """Return the text of ``metrics``."""
        parts: list[str] = []
        for metric in metrics:
            parts.append(self._head(metric))
            name, lines = metric.name, self._lines
            for sample in metric.samples:
                key = (name, sample.name, *sample.labels.items())
                line = lines.get(key)
                if line is None or sample.exemplar is not None or sample.timestamp is not None:
                    parts.append(self._write(metric, sample, key))
                else:
                    parts.append(f"{line}{_number(sample.value)}\n")
        parts.append(self._end)
        return "".join(parts)

    def _head(self, metric: Metric) -> str:
        key = (metric.name, metric.type, metric.documentation, metric.unit)
        if key not in self._heads:
            self._heads[key] = self._body(metric, [])
        return self._heads[key]

    def _write(self, metric: Metric, sample: Sample, key: _Key) -> str:
        """Return the line of ``sample``, and keep what comes before its value."""
        line = self._body(metric, [sample]).removeprefix(self._head(metric))
        if sample.exemplar is None and sample.timestamp is None:
            self._lines[key] = line.rpartition(" ")[0] + " "
        return line

    def _body(self, metric: Metric, samples: list[Sample]) -> str:
        one = Metric(metric.name, metric.documentation, metric.type, metric.unit)
        one.samples = samples
        return self._encode(_Registry(one)).decode().removesuffix(self._end)


def _number(value: float) -> str:
    if not value:  # most buckets
        return "0.0"
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]  # prometheus_client has no types there
    return text


class _Registry:
    """A registry with ``metrics``."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
