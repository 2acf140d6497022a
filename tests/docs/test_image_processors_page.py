"""docs/reference/image-processors.md is what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.test_code_blocks import ROOT

SCRIPT = ROOT / "docs/image_processors_page.py"
PAGE = ROOT / "docs/reference/image-processors.md"


def write_or_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_the_page_of_image_processors_is_current() -> None:
    done = write_or_check("--check")

    assert done.returncode == 0, done.stderr


def test_a_page_of_image_processors_that_is_not_current_is_found_and_written(tmp_path: Path) -> None:
    page = tmp_path / "image-processors.md"
    page.write_text(PAGE.read_text().replace("| `ViTImageProcessor` | equal |", "| `ViTImageProcessor` | refused |"))

    found = write_or_check("--check", str(page)).stderr

    assert f"{page} is not what the code says; run: python docs/image_processors_page.py" in found
    assert write_or_check(str(page)).returncode == 0
    assert write_or_check("--check", str(page)).returncode == 0
