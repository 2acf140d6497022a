from __future__ import annotations

import numpy as np
import pytest

from turnout_vision.vectors.kept_vectors import KeptVectors

VECTORS = np.ones((2, 3), np.float32)


def test_vectors_are_kept_for_the_seconds_and_not_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    kept = KeptVectors(60)
    assert kept.get() is None

    kept.keep(VECTORS)

    now = 159.9
    assert kept.get() is VECTORS
    now = 160.0
    assert kept.get() is None


def test_with_0_seconds_nothing_is_kept() -> None:
    kept = KeptVectors(0)

    kept.keep(VECTORS)

    assert kept.get() is None
