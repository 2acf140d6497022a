"""docs/reference/metrics.md is what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.test_code_blocks import ROOT

SCRIPT = ROOT / "docs/metrics_page.py"
PAGE = ROOT / "docs/reference/metrics.md"


def write_or_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_the_page_is_current() -> None:
    done = write_or_check("--check")

    assert done.returncode == 0, done.stderr


def test_a_page_that_is_not_current_is_found_and_written(tmp_path: Path) -> None:
    page = tmp_path / "metrics.md"
    page.write_text(PAGE.read_text().replace("| `turnout_batch_size` | histogram |", "| `turnout_batch_size` | gauge |"))

    assert f"{page} is not what the code says; run: python docs/metrics_page.py" in write_or_check("--check", str(page)).stderr
    assert write_or_check(str(page)).returncode == 0
    assert page.read_text() == PAGE.read_text()


def test_a_page_without_its_marks_is_named(tmp_path: Path) -> None:
    page = tmp_path / "metrics.md"
    page.write_text(PAGE.read_text().replace("<!-- end costs -->", ""))

    assert "the page has no block 'costs'" in write_or_check(str(page)).stderr
