"""The use of a fallback begins and ends once, however often its backend fails and answers in between."""

from __future__ import annotations

from tests.core.middleware.resilience_kit import Clock

from turnout.resilience.fallback_use import FallbackUse


def test_it_begins_with_the_first_request_and_ends_ten_seconds_after_the_last() -> None:
    clock = Clock()
    use = FallbackUse(clock)

    begun = [use.record_use() for _ in range(3)]
    clock.now += 9
    early = use.record_answer()
    clock.now += 1
    late = use.record_answer()

    assert (begun, early, late) == ([True, False, False], None, 10.0)
    assert not use.active


def test_a_backend_that_fails_now_and_then_has_two_lines_a_minute_at_most() -> None:
    clock = Clock()
    use = FallbackUse(clock)

    lines = []
    for second in range(600):
        clock.now = 1000.0 + second
        # It fails for a second, and answers for 20.
        lines.append(use.record_use() if second % 21 == 0 else use.record_answer() is not None)

    assert 2 <= sum(lines) <= 20


def test_the_end_of_a_use_that_was_not_logged_is_not_logged() -> None:
    clock = Clock()
    use = FallbackUse(clock)
    use.record_use()
    clock.now += 10
    assert use.record_answer() == 10.0

    again = use.record_use()
    clock.now += 10

    assert (again, use.record_answer(), use.active) == (False, None, False)


def test_a_use_that_outlasts_the_pause_is_logged_then() -> None:
    clock = Clock()
    use = FallbackUse(clock)
    use.record_use()
    clock.now += 10
    use.record_answer()

    lines = []
    for _ in range(12):
        clock.now += 5
        lines.append(use.record_use())

    assert sum(lines) == 1
