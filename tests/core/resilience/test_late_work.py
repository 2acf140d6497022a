"""Late work: counted once, and as long as it runs."""

from __future__ import annotations

from concurrent.futures import Future

from turnout.resilience.late_work import LateWork


def test_an_execution_is_late_until_it_ends_and_counted_once() -> None:
    counted: list[int] = []
    late, first, second = LateWork(lambda: counted.append(1)), Future[int](), Future[int]()

    late.add(first)
    late.add(second)
    first.set_result(1)
    second.set_exception(ZeroDivisionError())

    assert (len(late), counted) == (0, [1, 1])


def test_a_child_starts_without_the_executions_of_its_parent() -> None:
    late, running = LateWork(lambda: None), Future[int]()
    late.add(running)

    late.renew()
    before = len(late)
    running.set_result(1)

    assert (before, len(late)) == (0, 0)
