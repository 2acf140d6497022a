"""Metrics of the GPU in the process's own scrape."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from bars import Measured
from gpu_parts.models import pictures
from gpu_parts.place import Place, Result, open_app

NAMES = ("utilization_ratio", "memory_used_bytes", "memory_total_bytes", "power_watts")
SCRAPE_BAR_MS = 50.0


def run(place: Place) -> Result:
    """Compare the series with what torch knows of the GPU; without one, see that they are absent and that a line says why."""
    with lines_of("turnout.metrics.gpus") as lines, open_app({"m": place.vit()}, metrics={"gpu": True}) as app:
        for _ in range(place.calls):
            app.model("m").infer({"pixel_values": pictures(place.size, 1, "vit")[0]})
        if not torch.cuda.is_available():
            return _absent(app, lines)
        found = {name: values(app, name) for name in NAMES}
        milliseconds = statistics.median(scrape_milliseconds(app) for _ in range(5 * place.rounds))
        allocated, total = torch.cuda.memory_allocated(), torch.cuda.get_device_properties(0).total_memory
    nearest = min(found["memory_total_bytes"], key=lambda bytes_: abs(bytes_ - total))
    missing = [name for name in NAMES if not found[name]]
    return Result(
        [
            Measured("families of the GPU", len(NAMES) - len(missing), len(NAMES), unit=""),
            Measured("total memory, of what torch says", nearest / total, 0.99, note=f"{nearest / 2**30:.1f} GiB"),
            Measured("memory in use, of what torch has allocated", max(found["memory_used_bytes"]) / allocated, 1.0),
            Measured("largest utilization", max(found["utilization_ratio"]), 1.0, "lower", unit=""),
            Measured("power", max(found["power_watts"]), 1.0, unit="W"),
            Measured("a scrape", milliseconds, SCRAPE_BAR_MS, "lower", unit="ms"),
        ],
        [*lines, *(f"turnout_gpu_{name} is absent" for name in missing)],
    )


def _absent(app: Any, lines: list[str]) -> Result:
    series = app.metrics_text().count("turnout_gpu")
    return Result(
        [
            Measured("series of a GPU that is not there", series, 0, "lower", unit=""),
            Measured("log lines that say why", len(lines), 1, unit=""),
        ],
        lines,
    )


def values(app: Any, name: str) -> list[float]:
    """Return the values of a family, one for each GPU."""
    found = [family for family in app.metrics.registry.collect() if family.name == f"turnout_gpu_{name}"]
    return [sample.value for family in found for sample in family.samples]


def scrape_milliseconds(app: Any) -> float:
    """Return the time of one scrape."""
    start = time.perf_counter()
    app.metrics_text()
    return 1000 * (time.perf_counter() - start)


@contextmanager
def lines_of(name: str) -> Iterator[list[str]]:
    """Yield the texts that a logger gets in the block."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
