"""The sum of what the processes of the multi-process mode have written.

prometheus_client's collector reads each name with its labels as JSON at each scrape, which is most of its time. Here they are
read once, for counters and histograms, which are nearly all series; gauges, with their modes, are left to prometheus_client.
"""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from turnout.errors import ConfigurationError
from turnout.metrics.process_files import check_folder
from turnout.metrics.process_marks import remove_dead_gauges

_ADDED = ("counter_", "histogram_")


class WrittenSeries(NamedTuple):
    """The name of a value in a file.

    Attributes:
        family: the family's name, without the ``_total`` of a counter.
        help: its HELP text.
        name: the name of the sample.
        labels: its labels, sorted.
        edge: the upper edge of a bucket; None for another sample.
    """

    family: str
    help: str
    name: str
    labels: tuple[tuple[str, str], ...]
    edge: float | None


def collect_processes(folder: Path) -> Iterable[Metric]:
    """Return the metrics that all processes have written to ``folder``, added up, without the gauges of dead ones.

    Raises:
        ConfigurationError: there is no such folder, or a file in it cannot be read.
    """
    check_folder(str(folder))
    remove_dead_gauges(folder)
    try:
        return _merge(list(_written(folder)))
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, struct.error) as error:
        step = "stop the processes, empty the folder, start them again"
        text = f"metrics of several processes: a file in {str(folder)!r} cannot be read: {error}; {step}"
        raise ConfigurationError(text, next_step=step) from error


def _written(folder: Path) -> Iterator[Path]:
    """Yield the files of metrics, without those that a process has created but not yet written to."""
    for file in folder.glob("*.db"):
        with suppress(FileNotFoundError):
            if file.stat().st_size:
                yield file


def _merge(files: list[Path]) -> list[Metric]:
    others = [str(file) for file in files if not file.name.startswith(_ADDED)]
    merged: list[Metric] = list(MultiProcessCollector.merge(others))  # type: ignore[no-untyped-call]  # no types there
    for kind, samples_of in (("counter", _counts), ("histogram", _distributions)):
        totals = _add_up(file for file in files if file.name.startswith(f"{kind}_"))
        families: dict[str, Metric] = {}
        for series in totals:
            if series.family not in families:
                families[series.family] = Metric(series.family, series.help, kind)
        for family, sample in samples_of(totals):
            families[family].samples.append(sample)
        merged += families.values()
    return merged


def _add_up(files: Iterable[Path]) -> dict[WrittenSeries, float]:
    """Return the total of each series, in the order of the files."""
    written: dict[str, float] = defaultdict(float)
    for file in files:
        values = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]  # no types there
        for key, value, _, _ in values:
            written[key] += value
    totals: dict[WrittenSeries, float] = defaultdict(float)
    for key, value in written.items():
        totals[_known.get(key) or _read(key)] += value
    return totals


_known: dict[str, WrittenSeries] = {}


def _read(key: str) -> WrittenSeries:
    family, name, labels, help_text = json.loads(key)
    edge = labels.pop("le", None)
    series = WrittenSeries(family, help_text, name, tuple(sorted(labels.items())), None if edge is None else float(edge))
    return _known.setdefault(key, series)


def _counts(totals: Mapping[WrittenSeries, float]) -> Iterator[tuple[str, Sample]]:
    for series, total in totals.items():
        yield series.family, Sample(series.name, dict(series.labels), total)


def _distributions(totals: Mapping[WrittenSeries, float]) -> Iterator[tuple[str, Sample]]:
    """Yield the samples of histograms; a bucket counts all that is below its edge, a file only what is in it."""
    buckets: dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[float, float]]] = defaultdict(list)
    for series, total in totals.items():
        if series.edge is None:
            yield series.family, Sample(series.name, dict(series.labels), total)
        else:
            buckets[series.family, series.labels].append((series.edge, total))
    for (family, labels), edges in buckets.items():
        count = 0.0
        for edge, total in sorted(edges):
            count += total
            yield family, Sample(f"{family}_bucket", {**dict(labels), "le": _edge_text(edge)}, count)
        yield family, Sample(f"{family}_count", dict(labels), count)


@cache
def _edge_text(edge: float) -> str:
    text: str = floatToGoString(edge)  # type: ignore[no-untyped-call]  # no types there
    return text
