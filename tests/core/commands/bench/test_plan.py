"""The measurements of a run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from turnout.commands.bench.load.closed_loop import ClosedLoop
from turnout.commands.bench.load.open_loop import OpenLoop
from turnout.commands.bench.options import BenchOptions
from turnout.commands.bench.plan import Load, Span, plan_loads, plan_span


@pytest.mark.parametrize(
    ("options", "loads"),
    [
        ({}, ["1 caller", "8 callers"]),
        ({"callers": (4, 4, 2)}, ["4 callers", "2 callers"]),
        ({"rates": (50.0, 2.5)}, ["50 requests/s", "2.5 requests/s"]),
        ({"rates": (50.0,), "callers": (3,)}, ["3 callers", "50 requests/s"]),
    ],
)
def test_each_load_is_measured_once(options: dict[str, Any], loads: list[str]) -> None:
    assert [str(load) for load in plan_loads(BenchOptions(**options))] == loads


@pytest.mark.parametrize(
    ("options", "load", "span"),
    [
        ({}, Load(callers=1), Span(5.0, None, 10)),
        ({"seconds": 2.0}, Load(rate=1.0), Span(2.0, None, 3)),
        ({"requests": 40}, Load(callers=1), Span(math.inf, 40, 10)),
        ({"requests": 4, "seconds": 1.0}, Load(callers=1), Span(1.0, 4, 4)),
    ],
)
def test_a_measurement_ends_by_its_time_or_its_number_of_requests(options: dict[str, Any], load: Load, span: Span) -> None:
    assert plan_span(BenchOptions(**options), load) == span


def test_the_requests_of_all_rounds_are_those_asked_for() -> None:
    assert [requests for _, requests in Span(math.inf, 11, 4).shares()] == [3, 3, 3, 2]
    assert [*Span(5.0, None, 2).shares()] == [(2.5, None), (2.5, None)]


def test_callers_are_a_closed_loop_and_a_rate_an_open_one() -> None:
    target: Any = object()

    assert isinstance(Load(callers=3).on(target, 1.0), ClosedLoop)
    assert isinstance(Load(rate=3.0).on(target, 1.0), OpenLoop)
