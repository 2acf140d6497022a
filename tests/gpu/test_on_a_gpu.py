"""Every part of the check on a CUDA device, in its real sizes; skipped where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from gpu_check import PARTS, watched

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason=f"no CUDA device: torch {torch.__version__} finds none")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_passes_or_says_why_it_cannot_run(part: str) -> None:
    found = watched(part, dry=False)

    assert found["status"] in ("passed", "not run"), found
    assert found["status"] == "passed" or found["reason"]
