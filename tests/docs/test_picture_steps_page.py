"""docs/reference/picture-steps.md lists the public names of turnout-vision."""

from __future__ import annotations

import shutil
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
    script = Path(shutil.copy(ROOT / "docs/picture_steps_page.py", tmp_path))
    page = tmp_path / "reference" / "picture-steps.md"
    page.parent.mkdir()
    right = (ROOT / "docs/reference/picture-steps.md").read_text()
    page.write_text(right.replace("| `crop(", "| `cut("))

    assert "picture-steps.md is not what the code says" in check(script, "--check").stderr
    assert check(script).returncode == 0
    assert page.read_text() == right
