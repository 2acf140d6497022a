"""A tenth of the hostile cases; ``benchmarks/hostile.py`` runs all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hostile.case import Trial
from tests.hostile.catalogue import fast_tenth


@pytest.mark.parametrize("case", fast_tenth(), ids=lambda case: case.name)
def test_a_hostile_input_is_refused(case: Trial, tmp_path: Path) -> None:
    assert case.problems(tmp_path) == []
