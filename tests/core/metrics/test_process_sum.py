"""The sum over processes, while some of them start and end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
