"""Counts over the last seconds, compared with a list of all calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from turnout.resilience.rolling_window import RollingWindow


def test_counts_answers_and_failures_and_drops_old_ones() -> None:
    window = RollingWindow(10)
    for second in range(5):
        window.add_answer(100 + second)
        window.add_failure(100.5 + second)

    assert (window.calls, window.failures) == (10, 5)

    window.add_failure(112)
    assert (window.calls, window.failures) == (5, 3)
    window.add_answer(1_000_000)
    assert (window.calls, window.failures) == (1, 0)


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60), st.floats(0, 1e6))
def test_equals_the_last_ten_tenths_of_a_list(steps: list[tuple[float, bool]], start: float) -> None:
    window, now, calls = RollingWindow(5), start, []
    for step, failed in steps:
        now += step
        calls.append((int(now / 0.5), failed))
        (window.add_failure if failed else window.add_answer)(now)

    kept = [failed for slot, failed in calls if slot > int(now / 0.5) - 10]
    assert (window.calls, window.failures) == (len(kept), sum(kept))
