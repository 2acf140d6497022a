"""What this process uses."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from turnout.commands.bench.usage import cpu_seconds, resident_bytes


def test_work_takes_cpu_and_waiting_does_not() -> None:
    before = cpu_seconds()
    time.sleep(0.05)
    waited = cpu_seconds() - before
    while cpu_seconds() - before - waited < 0.05:
        sum(range(1000))

    assert waited < 0.05


def test_memory_that_is_written_is_resident() -> None:
    before = resident_bytes()
    block = bytearray(b"x" * 64_000_000)

    assert resident_bytes() - before > 50_000_000
    assert block[-1] == ord("x")


def test_a_system_that_does_not_say_reports_the_most_that_ever_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_: "")

    assert resident_bytes() > 10_000_000
