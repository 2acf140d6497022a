"""The tables of a report."""

from __future__ import annotations

from tests.core.commands.bench.kit import figures

from turnout.commands.bench.report.table import cost_table, figure, speed_table


def test_columns_that_say_nothing_are_left_out() -> None:
    table = speed_table([figures(), figures(callers=1)])

    assert table.columns[:3] == ("backend", "callers", "requests")
    assert not {"batching", "batch", "rate", "rows/s", "instances", "delay us"}.intersection(table.columns)


def test_each_choice_has_its_column() -> None:
    sweep = figures(batching=True, delay=0, instances=2, batch=4, rows_per_second=400.0)
    open_loop = figures(batching=False, callers=None, rate=2.5)

    table = speed_table([sweep, open_loop])

    assert table.columns[:8] == ("backend", "batching", "delay us", "instances", "batch", "callers", "rate", "requests")
    assert [table.rows[0][name] for name in table.columns[:7]] == ["onnx", "on", "0", "2", "4", "8", ""]
    assert [table.rows[1][name] for name in table.columns[:7]] == ["onnx", "off", "", "", "", "", "2.5"]
    assert (table.rows[0]["rows/s"], table.rows[1]["rows/s"]) == ("400", "")


def test_the_parts_of_an_answer_are_in_the_order_of_a_request() -> None:
    one = figures(parts={"queue": 0.001, "wire": 0.002, "other": 0.0005}, batch_size=3.5, lateness_seconds=0.004)

    table = cost_table([one])

    assert table.columns == (
        *("backend", "callers", "cpu ms", "rss MB", "rows/run", "late ms", "mean ms", "queue ms", "wire ms", "other ms"),
    )
    assert [table.rows[0][name] for name in table.columns[2:]] == ["1", "10", "3.5", "4", "80", "1", "2", "0.5"]


def test_failed_requests_are_in_their_column() -> None:
    assert speed_table([figures(failed={"A": 2, "B": 1})]).rows[0]["failed"] == "3"


def test_a_figure_has_four_digits() -> None:
    assert (figure(None), figure(0.123456, 1000), figure(1234567.0)) == ("", "123.5", "1.235e+06")
