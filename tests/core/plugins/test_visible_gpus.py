"""Counting the GPUs that CUDA shows, with a small library in the place of NVIDIA's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from turnout.plugins import visible_gpus
from turnout.plugins.visible_gpus import count_visible_gpus


class Driver:
    """Stands in for NVIDIA's management library."""

    def __init__(self, gpus: int, wrong: str = "") -> None:
        self._gpus = gpus
        self._wrong = wrong
        self.open = 0

    def nvmlInit_v2(self) -> int:  # noqa: N802  # NVIDIA's name
        self.open += self._wrong != "init"
        return int(self._wrong == "init")

    def nvmlDeviceGetCount_v2(self, count: object) -> int:  # noqa: N802
        count._obj.value = self._gpus  # type: ignore[attr-defined]
        return int(self._wrong == "count")

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.open -= 1
        return 0


def install(monkeypatch: pytest.MonkeyPatch, driver: Driver) -> Driver:
    monkeypatch.setattr(visible_gpus.ctypes, "CDLL", lambda name: driver)
    return driver


@pytest.mark.parametrize(
    ("named", "count"),
    [
        (None, 4),
        ("0,2", 2),
        ("3", 1),
        ("", 0),
        ("-1", 0),
        ("0,-1,1", 1),
        ("0, 4, 1", 1),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,1", 2),
        ("MIG-GPU-8932f937/1/0", 1),
        ("none", 0),
    ],
)
def test_cuda_visible_devices_decides_until_its_first_wrong_entry(
    monkeypatch: pytest.MonkeyPatch, named: str | None, count: int
) -> None:
    install(monkeypatch, Driver(4))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)

    assert count_visible_gpus() == count


@pytest.mark.parametrize("wrong", ["init", "count"])
def test_a_driver_that_fails_has_no_gpu_and_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    driver = install(monkeypatch, Driver(4, wrong))

    assert count_visible_gpus() == 0
    assert driver.open == 0


def test_a_machine_without_a_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible_gpus, "_LIBRARY", "libnothing-of-this-name.so.1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6")

    assert count_visible_gpus() == 0


def test_a_real_library_is_called_by_its_c_interface(tmp_path: Path) -> None:
    source, library = tmp_path / "nvml.c", tmp_path / "libnvidia-ml.so.1"
    source.write_text(
        "int nvmlInit_v2(void) { return 0; }\nint nvmlShutdown(void) { return 0; }\n"
        "int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 3; return 0; }\n"
    )
    try:
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True, timeout=60, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no C compiler")
    program = "from turnout.plugins.visible_gpus import count_visible_gpus as count; print(count())"
    environment = {"LD_LIBRARY_PATH": str(tmp_path), "PATH": "/usr/bin:/bin"}

    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "3"
