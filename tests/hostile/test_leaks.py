"""The verdict of ``benchmarks/leaks.py``: a leak that is planted is found, and a flat process is flat."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LEAKS = BENCHMARKS / "leaks.py"


@pytest.fixture(scope="module")
def leaks():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("leaks", LEAKS)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))


def noise(count: int) -> list[float]:
    chance = random.Random(7)  # noise, no secret
    return [300 + chance.random() * 4 for _ in range(count)]


def test_noise_and_single_odd_samples_are_no_growth(leaks) -> None:
    samples = noise(100)
    samples[3], samples[50], samples[98] = 250.0, 400.0, 500.0

    assert leaks.growth(samples) < 2


def test_a_slow_leak_is_found_below_the_noise_of_its_samples(leaks) -> None:
    samples = [value + number * 0.12 for number, value in enumerate(noise(100))]

    assert leaks.growth(samples) == pytest.approx(12, abs=2)


def test_a_step_is_growth(leaks) -> None:
    samples = [value + 30 * (number >= 80) for number, value in enumerate(noise(100))]

    assert leaks.growth(samples) > 25


def test_a_planted_leak_fails_a_short_run() -> None:
    command = [sys.executable, str(LEAKS), "onnxruntime", "--calls", "20000"]

    sound, leaky = (
        subprocess.run([*command, *more], capture_output=True, text=True, timeout=200, check=False)
        for more in ([], ["--sabotage"])
    )

    assert sound.returncode == 0, sound.stdout + sound.stderr
    missed = [line for line in leaky.stdout.splitlines() if "MISSED" in line]
    assert (leaky.returncode, len(missed)) == (1, 1), leaky.stdout + leaky.stderr
    assert "memory" in missed[0]
