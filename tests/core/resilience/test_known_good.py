"""A kept request is a copy, taken once a minute."""

from __future__ import annotations

from turnout.resilience.known_good import KnownGood


def test_it_keeps_one_copy_a_minute() -> None:
    copied: list[str] = []

    def copy(request: str) -> str:
        copied.append(request)
        return request.upper()

    good = KnownGood(copy)

    for second in range(130):
        if second >= good.due:
            good.keep(f"r{second}", second)

    assert copied == ["r0", "r60", "r120"]
    assert good.value == "R120"


def test_what_cannot_be_copied_is_tried_again_after_a_second() -> None:
    good = KnownGood[str](lambda request: None)

    good.keep("large", 10.0)

    assert good.value is None
    assert good.due == 11.0


def test_the_next_answered_request_replaces_it_on_demand() -> None:
    good = KnownGood[str](str)
    good.keep("old", 10.0)

    good.replace_next()

    assert good.due < 10.0
    assert good.value == "old"


def test_a_copy_that_is_made_elsewhere_is_kept_for_a_minute_too() -> None:
    known_good = KnownGood[str](lambda request: request.upper())

    known_good.postpone(100.0)
    between = known_good.due
    known_good.put("copied")

    assert (between, known_good.value, known_good.due) == (101.0, "copied", 160.0)


def test_a_copy_that_could_not_be_made_elsewhere_is_due_a_second_later() -> None:
    known_good = KnownGood[str](lambda request: request)

    known_good.postpone(100.0)
    known_good.put(None)

    assert (known_good.value, known_good.due) == (None, 101.0)
