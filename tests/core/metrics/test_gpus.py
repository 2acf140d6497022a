"""Metrics of GPUs: the real nvidia-ml-py where there is no driver, and fakes of its functions where values are needed."""

# ruff: noqa: N802  # the names of NVML

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
from prometheus_client import CollectorRegistry, generate_latest

import turnout
from turnout.metrics import Metrics
from turnout.metrics.gpus import Gpus, find_gpus

HAS_DRIVER = Path("/dev/nvidiactl").exists()
READABLE = ("turnout_gpu_utilization_ratio", "turnout_gpu_memory_used_bytes", "turnout_gpu_memory_total_bytes")


class Nvml:
    """The functions of nvidia-ml-py that are used, for GPUs with the numbers 0, 1, ...; ``broken`` are those that raise."""

    def __init__(self, gpus: int = 2) -> None:
        self.gpus = gpus
        self.starts = 0
        self.broken: dict[str, pynvml.NVMLError] = {}

    def nvmlInit(self) -> None:
        self._check("nvmlInit")
        self.starts += 1

    def nvmlDeviceGetCount(self) -> int:
        self._check("nvmlDeviceGetCount")
        return self.gpus

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self._check(f"handle {index}")
        return index

    def nvmlDeviceGetUtilizationRates(self, device: int) -> Any:
        self._check(f"utilization {device}")
        return SimpleNamespace(gpu=25 * (device + 1), memory=1)

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:
        return SimpleNamespace(total=(device + 1) * 2**30, used=(device + 1) * 2**20, free=0)

    def nvmlDeviceGetPowerUsage(self, device: int) -> int:
        self._check(f"power {device}")
        return 70_500 + device

    def _check(self, name: str) -> None:
        if name in self.broken:
            raise self.broken[name]


def values(gpus: Gpus) -> dict[str, float]:
    """Return the samples of a scrape by their text, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(gpus)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.mark.skipif(HAS_DRIVER, reason="this machine has NVIDIA's driver")
def test_without_a_driver_the_series_are_absent_and_one_line_says_why(caplog: pytest.LogCaptureFixture) -> None:
    settings = {"metrics": {"gpu": True}, "models": {}}

    with caplog.at_level(logging.INFO), turnout.open(settings, metrics=Metrics()) as app:
        texts = [app.metrics_text(), app.metrics_text()]

    assert not any("turnout_gpu" in text for text in texts)
    [line] = [record for record in caplog.records if record.name == "turnout.metrics.gpus"]
    assert line.levelno == logging.WARNING
    assert "no series turnout_gpu_...: NVIDIA's driver does not answer: NVMLError_LibraryNotFound" in line.getMessage()


def test_without_the_key_nothing_is_read_and_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), turnout.open({"models": {}}, metrics=Metrics()) as app:
        text = app.metrics_text()

    assert "turnout_gpu" not in text
    assert not [record for record in caplog.records if record.name == "turnout.metrics.gpus"]


def test_without_the_package_one_line_says_what_to_install(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)

    assert find_gpus() is None

    [line] = caplog.messages
    assert "pip install nvidia-ml-py" in line


def test_a_driver_without_a_gpu_is_said_so(caplog: pytest.LogCaptureFixture) -> None:
    assert find_gpus(Nvml(gpus=0)) is None

    [line] = caplog.messages
    assert "the driver finds no GPU" in line


def test_every_gpu_has_its_four_series() -> None:
    gpus = find_gpus(Nvml())

    assert gpus is not None
    assert values(gpus) == {
        'turnout_gpu_utilization_ratio{gpu="0"}': 0.25,
        'turnout_gpu_utilization_ratio{gpu="1"}': 0.5,
        'turnout_gpu_memory_used_bytes{gpu="0"}': 2.0**20,
        'turnout_gpu_memory_used_bytes{gpu="1"}': 2.0**21,
        'turnout_gpu_memory_total_bytes{gpu="0"}': 2.0**30,
        'turnout_gpu_memory_total_bytes{gpu="1"}': 2.0**31,
        'turnout_gpu_power_watts{gpu="0"}': 70.5,
        'turnout_gpu_power_watts{gpu="1"}': 70.501,
    }


def test_a_lost_gpu_leaves_the_others_in_the_scrape_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    nvml = Nvml()
    gpus = Gpus(nvml)
    nvml.broken["handle 1"] = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    lost = [values(gpus), values(gpus)]
    nvml.broken.clear()
    back = values(gpus)

    assert all(len(found) == 4 and all('gpu="0"' in name for name in found) for found in lost)
    assert len(back) == 8
    [line] = caplog.messages
    assert "GPU 1" in line
    assert "GpuIsLost" in line


def test_a_value_that_a_gpu_does_not_have_is_absent_alone(caplog: pytest.LogCaptureFixture) -> None:
    nvml = Nvml(gpus=1)
    nvml.broken["power 0"] = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    with caplog.at_level(logging.INFO):
        found = values(Gpus(nvml))

    assert [name.partition("{")[0] for name in found] == list(READABLE)
    [line] = caplog.records
    assert line.getMessage() == "GPU 0 does not report turnout_gpu_power_watts, which is absent"
    assert line.levelno == logging.INFO


def test_a_driver_that_goes_and_comes_back_is_started_again() -> None:
    nvml = Nvml()
    gpus = Gpus(nvml)
    before = values(gpus)
    nvml.broken["nvmlDeviceGetCount"] = pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)

    without = values(gpus)
    nvml.broken.clear()

    assert not without
    assert values(gpus) == before
    assert nvml.starts == 2


def test_an_error_that_nobody_expects_does_not_break_a_scrape() -> None:
    nvml = Nvml()
    nvml.nvmlDeviceGetPowerUsage = lambda device: 1 / 0  # type: ignore[method-assign]

    assert len(values(Gpus(nvml))) == 6


def test_the_metrics_of_an_app_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    metrics.watch_gpus(Nvml())
    metrics.watch_gpus(Nvml())

    text = metrics.render()

    assert text.count('turnout_gpu_power_watts{gpu="0"} 70.5\n') == 1


def test_in_the_multi_process_mode_the_process_that_answers_reads_them(tmp_path: Path) -> None:
    program = (
        "from tests.core.metrics.test_gpus import Nvml\n"
        "from turnout.metrics import Metrics\n"
        "metrics = Metrics(); metrics.watch_gpus(Nvml()); print(metrics.render())"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}

    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.count('turnout_gpu_power_watts{gpu="0"} 70.5\n') == 1
    assert 'pid="' not in "".join(line for line in done.stdout.splitlines() if "gpu" in line)


def test_a_forked_child_starts_the_driver_itself() -> None:
    nvml = Nvml()
    gpus = Gpus(nvml)
    values(gpus)

    gpus.renew()
    values(gpus)

    assert nvml.starts == 2
