"""Counts of an arm."""

from __future__ import annotations

from turnout.commands.bench.counts import ArmCounts
from turnout.plugins.statistics import ServerStatistics

INFINITE = float("inf")


def test_a_load_is_what_was_counted_since() -> None:
    before = ArmCounts(10, 1.0, 20, {1.0: 5, 2.0: 10, 4.0: 10, INFINITE: 10})
    after = ArmCounts(14, 1.5, 32, {1.0: 6, 2.0: 12, 4.0: 14, INFINITE: 14})

    load = after.since(before)

    assert (load.executions, load.execution_seconds, load.rows) == (4, 0.5, 12)
    assert load.rows_per_execution() == 3
    assert load.executed_batches() == {1: 1, 2: 1, 4: 2}


def test_the_batches_of_a_server_are_exact() -> None:
    server = ServerStatistics(20, 0.0, 0.0, {1: (4, 0.1), 7: (2, 0.2)})

    counts = ArmCounts(20, 1.0, server=server)

    assert counts.executed_batches() == {1: 4, 7: 2}
    assert counts.rows_per_execution() == 3


def test_without_batches_no_size_is_known() -> None:
    assert ArmCounts(5, 1.0).rows_per_execution() is None
    assert ArmCounts(5, 1.0).executed_batches() == {}
    assert ArmCounts(5, 1.0, server=ServerStatistics(5)).rows_per_execution() is None


def test_the_load_of_a_server_is_what_it_counted_since() -> None:
    load = ArmCounts(server=ServerStatistics(9, 2.0)).since(ArmCounts(server=ServerStatistics(3, 0.5)))

    assert load.server == ServerStatistics(6, 1.5)


def test_a_server_that_answered_once_only_has_no_difference() -> None:
    assert ArmCounts(server=ServerStatistics(5)).since(ArmCounts()).server is None
