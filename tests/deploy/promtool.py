"""Running promtool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Return what promtool says; a machine without it skips the test."""
    program = shutil.which("promtool") or pytest.skip("promtool is not installed: apt-get install prometheus")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120)
