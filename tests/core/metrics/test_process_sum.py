"""The sum over processes, while some of them start and end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from turnout.errors import ConfigurationError
from turnout.metrics.exposition import scrape_text
from turnout.metrics.process_sum import collect_processes

WORKER = 'from turnout.metrics import Metrics\nMetrics().requests("m", "b").answered.add(0.1)'
LINE = 'turnout_inference_requests_total{backend="b",model="m",outcome="ok"} 1.0'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    subprocess.run(
        [sys.executable, "-c", WORKER], env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}, check=True, timeout=60
    )
    return tmp_path


@pytest.mark.parametrize("content", [b"", bytes(1 << 16)], ids=["created", "enlarged"])
def test_a_file_that_a_process_has_just_created_does_not_disturb(folder: Path, content: bytes) -> None:
    for name in ("counter_1.db", "histogram_1.db", "gauge_livesum_1.db"):
        (folder / name).write_bytes(content)

    assert LINE in scrape_text(lambda: collect_processes(folder)).splitlines()


@pytest.mark.parametrize("content", [b"x", b"nonsense" * 100, (1 << 20).to_bytes(4, "little") + b"\0" * 4096])
def test_a_file_that_is_no_file_of_metrics_is_one_error_and_gone_with_it(folder: Path, content: bytes) -> None:
    (folder / "counter_1.db").write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"a file in '.*' cannot be read: .*; stop the processes, empty the"):
        scrape_text(lambda: collect_processes(folder))

    (folder / "counter_1.db").unlink()
    assert LINE in scrape_text(lambda: collect_processes(folder)).splitlines()


MANY = """
import sys
from prometheus_client import Counter, Gauge, Histogram, Summary
from turnout.metrics import Metrics

metrics, number = Metrics((0.1, 1.0)), int(sys.argv[1])
metrics.requests("m", "b").answered.add(0.05 * number)
metrics.pipeline("p", {"s": ("process",)}).observe_run(number, {"s": {"process": number}})
metrics.resilience.circuit("m", "b").opened()
Counter("own", f"Own, in version {number}.", ["name"]).labels(f'a "{number}"').inc(number)
Histogram("own_seconds", "Own.", buckets=(1e9, 0.5 + number)[::-1] if number > 2 else (0.5 + number, 1e9)).observe(number)
Summary("own_bytes", "Own.").observe(number)
for mode in ("all", "liveall", "min", "livemax", "sum", "mostrecent"):
    Gauge(f"own_{mode}", "Own.", multiprocess_mode=mode).set(number)
"""


def test_the_sum_is_that_of_prometheus_client(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        subprocess.run(
            [sys.executable, "-c", MANY, str(number)],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            check=True,
            timeout=60,
        )
    for mark in tmp_path.glob("*.lock"):
        mark.unlink()  # so that no gauge is removed, which prometheus_client would not do

    for _ in range(2):
        assert samples(collect_processes(tmp_path)) == samples(MultiProcessCollector(None, path=str(tmp_path)).collect())


def samples(metrics: Iterable[Metric]) -> dict[tuple[str, str, str, frozenset[tuple[str, str]]], float]:
    found = [
        ((metric.name, metric.type, sample.name, frozenset(sample.labels.items())), sample.value)
        for metric in metrics
        for sample in metric.samples
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_buckets_ascend_and_their_last_is_the_count(folder: Path) -> None:
    for metric in collect_processes(folder):
        if metric.type == "histogram":
            names = [sample.name.removeprefix(metric.name) for sample in metric.samples]
            edges = [float(sample.labels["le"]) for sample in metric.samples if "le" in sample.labels]
            assert edges == sorted(edges)
            assert names.index("_bucket") < names.index("_count")
            assert metric.samples[-1].value == metric.samples[-2].value
