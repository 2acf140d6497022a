"""The cost of a scrape: 50 models, in one process and over the files of several workers.

    python benchmarks/scrape.py

Each model serves on one backend and falls back to another, both have answered, and every outcome is bound, as after a day of
traffic. Times are medians of many scrapes, in milliseconds of CPU; the sides take turns in one run. The
one over HTTP includes its client.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
from bars import Measured, report
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

import turnout
from turnout import Backend, hookimpl
from turnout.metrics import Metrics
from turnout.metrics.exposition import scrape_text, scrape_wsgi
from turnout.metrics.process_sum import collect_processes
from turnout.plugins.discovery import Plugins
from turnout.serving.port.server import RouteServer
from turnout.testing import PlusOne

MODELS, WORKERS, ROUNDS = 50, 2, 40
BAR_MS = 50.0


@hookimpl
def turnout_backends() -> list[Backend[Any]]:
    return [Backend(name, lambda declaration, options: PlusOne(), turnout.Options) for name in ("one", "two")]


def open_app(models: int, *, fallback: bool) -> turnout.Turnout:
    """Return an app whose models have all answered."""
    other = {"fallback": "two"} if fallback else {}
    model = {"backend": "one", "backends": {"one": {}, "two": {}}, **other}
    plugins = Plugins([EntryPoint("scrape", __name__, "turnout")])
    app = turnout.open({"models": {f"model_{number}": model for number in range(models)}}, plugins=plugins, metrics=Metrics())
    for opened in app.models.values():
        for _ in range(20):
            opened.infer({"x": np.ones(4, np.float32)})
    return app


def series(text: str) -> int:
    return sum(1 for line in text.splitlines() if line and line[0] != "#")


def medians(sides: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median milliseconds of each side; they take turns."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, scrape in sides.items():
            start = time.process_time()
            scrape()
            found[name].append(1e3 * (time.process_time() - start))
    return {name: statistics.median(values) for name, values in found.items()}


def fetch(url: str) -> None:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def library_sum(folder: str) -> bytes:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)
    return generate_latest(registry)


def run_workers(folder: str) -> None:
    """Let ``WORKERS`` processes write their metrics to ``folder``; they end, as half of the workers of a day have."""
    for _ in range(WORKERS):
        subprocess.run(
            [sys.executable, __file__, "--worker"], env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder}, check=True
        )


def main() -> int:
    plain, guarded = open_app(MODELS, fallback=False), open_app(MODELS, fallback=True)
    server = RouteServer("127.0.0.1", 0, {"/metrics": scrape_wsgi(plain.metrics.collect)})
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        run_workers(folder)
        sides: dict[str, Callable[[], object]] = {
            "one process": plain.metrics_text,
            "one process, written by prometheus_client": partial(generate_latest, plain.metrics.registry),
            "one process, over HTTP with gzip": partial(fetch, f"http://127.0.0.1:{server.server_port}/metrics"),
            "one process, each with a fallback": guarded.metrics_text,
            f"{WORKERS} workers, added up by prometheus_client": partial(library_sum, folder),
            f"{WORKERS} workers": partial(scrape_text, partial(collect_processes, Path(folder))),
        }
        found = medians(sides)
        counts = {"one process": plain.metrics_text(), "one process, each with a fallback": guarded.metrics_text()}
    server.stop()
    for app in (plain, guarded):
        app.close()
    notes = {name: f"{series(text)} series" for name, text in counts.items()}
    bars = dict.fromkeys(("one process", "one process, over HTTP with gzip", f"{WORKERS} workers"), BAR_MS)
    return report(
        [
            Measured(f"a scrape of {MODELS} models, {name}", value, bars.get(name), "lower", "ms", note=notes.get(name, ""))
            for name, value in found.items()
        ]
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--worker", action="store_true", help="be one of the workers, and end")
    if options.parse_args().worker:
        open_app(MODELS, fallback=False).close()
    else:
        sys.exit(main())
