"""Statistics of a server."""

from __future__ import annotations

from turnout import ServerStatistics


def test_the_difference_is_what_happened_in_between() -> None:
    before = ServerStatistics(10, 1.0, 2.0, {1: (4, 0.25), 2: (3, 0.5)})
    after = ServerStatistics(15, 1.5, 4.0, {1: (4, 0.25), 2: (5, 1.0), 8: (1, 0.125)})

    assert after - before == ServerStatistics(5, 0.5, 2.0, {2: (2, 0.5), 8: (1, 0.125)})


def test_the_sum_is_that_of_two_servers() -> None:
    one, other = ServerStatistics(1, 0.5, 1.0, {1: (1, 0.5)}), ServerStatistics(2, 0.25, 1.0, {1: (1, 0.25), 4: (1, 1.0)})

    assert one + other == ServerStatistics(3, 0.75, 2.0, {1: (2, 0.75), 4: (1, 1.0)})
