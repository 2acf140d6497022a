from __future__ import annotations

from types import SimpleNamespace

import pytest

from turnout.rollout.shadow.byte_rate import ByteRate


def test_what_is_owed_is_paid_back_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("turnout.rollout.shadow.byte_rate.time", SimpleNamespace(monotonic=lambda: clock.now))
    allowance = ByteRate(100)
    allowance.take(160)

    left = []
    for clock.now in (0.0, 1.0, 1.49, 1.51, 100.0):
        left.append(allowance.any_left())
    allowance.take(10)

    assert left == [False, False, False, True, True]
    assert not allowance.any_left()  # little is saved up
