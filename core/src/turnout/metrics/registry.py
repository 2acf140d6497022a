"""The registry of an app's metrics, and the families that a scrape collects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Metric


class FoldingRegistry(CollectorRegistry):
    """A registry that folds pending calls before each scrape, and shows no ``_created`` series.

    Those are the Unix time at which a counter was created: one more series for each, which no query here needs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fold: Callable[[], None] = lambda: None

    def collect(self) -> Iterator[Metric]:
        self.fold()
        for metric in super().collect():
            created = f"{metric.name}_created"
            metric.samples = [sample for sample in metric.samples if sample.name != created]
            yield metric

    def restricted_registry(self, names: Iterable[str]) -> Scrape:  # type: ignore[override]  # prometheus_client's class has no base
        return Scrape(self.collect, names)


class Scrape:
    """The answer to a scrape: the families of ``collect``, collected each time.

    Args:
        collect: returns the families.
        names: of the samples to return, which ``?name[]=`` of a scrape gives; None for all.
    """

    def __init__(self, collect: Callable[[], Iterable[Metric]], names: Iterable[str] | None = None) -> None:
        self._collect = collect
        self._names = None if names is None else frozenset(names)

    def collect(self) -> Iterator[Metric]:
        """Yield the families that have samples."""
        for metric in self._collect():
            if self._names is not None:
                metric.samples = [sample for sample in metric.samples if self._names & {sample.name, metric.name}]
            if metric.samples:
                yield metric

    def restricted_registry(self, names: Iterable[str]) -> Scrape:
        """Return the scrape of the samples with one of ``names``, as ``CollectorRegistry`` does."""
        return Scrape(self._collect, names)
