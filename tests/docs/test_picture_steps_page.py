"""docs/reference/picture-steps.md lists the public names of turnout-vision."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.test_code_blocks import ROOT


def check(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_the_page_is_current() -> None:
    done = check(ROOT / "docs/picture_steps_page.py", "--check")

    assert done.returncode == 0, done.stderr


def test_a_page_that_is_not_current_is_found_and_written(tmp_path: Path) -> None:
    page = tmp_path / "picture-steps.md"
    right = (ROOT / "docs/reference/picture-steps.md").read_text()
    page.write_text(right.replace("| `crop(", "| `cut("))
    script = ROOT / "docs/picture_steps_page.py"

    assert "picture-steps.md is not what the code says" in check(script, "--check", str(page)).stderr
    assert check(script, str(page)).returncode == 0
    assert page.read_text() == right
