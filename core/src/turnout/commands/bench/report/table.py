"""The tables of a report: how fast each arm answers, and what an answer costs and spends its time on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.commands.bench.figures import LoadFigures
from turnout.commands.bench.where_time_goes import PARTS

_ARM = ("backend", "batching", "delay us", "instances", "batch", "callers", "rate")
_SPEED = (
    "requests",
    "failed",
    "requests/s",
    "rows/s",
    "x requests/s",
    "p50 ms",
    "x p50",
    "p90 ms",
    "p95 ms",
    "p99 ms",
    "max ms",
)
_COST = ("cpu ms", "rss MB", "rows/run", "late ms", "mean ms")
_ALWAYS = {"backend", *_SPEED, "cpu ms", "rss MB", "mean ms"} - {"rows/s"}
_TITLES = {part: f"{part} ms" for part in PARTS}

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns, and rows with a text for each of them, empty where there is none."""

    columns: tuple[str, ...]
    rows: Sequence[Row]


def speed_table(results: Sequence[LoadFigures]) -> Table:
    """Return rates and latencies of each arm under each load."""
    return _table((*_ARM, *_SPEED), [_arm(one) | _speed(one) for one in results])


def cost_table(results: Sequence[LoadFigures]) -> Table:
    """Return what an answer costs, and the parts of its mean latency."""
    return _table((*_ARM, *_COST, *_TITLES.values()), [_arm(one) | _cost(one) for one in results])


def _table(columns: tuple[str, ...], rows: list[Row]) -> Table:
    """Return ``rows`` without the columns that say nothing in any of them."""
    return Table(tuple(name for name in columns if name in _ALWAYS or any(row.get(name) for row in rows)), rows)


def _arm(one: LoadFigures) -> Row:
    return {
        "backend": one.backend,
        "batching": {None: "", True: "on", False: "off"}[one.batching],
        "delay us": _count(one.delay),
        "instances": _count(one.instances),
        "batch": _count(one.batch),
        "callers": _count(one.callers),
        "rate": figure(one.rate),
    }


def _speed(one: LoadFigures) -> Row:
    milliseconds = {f"{name} ms": figure(value, 1000) for name, value in one.latency_seconds.items()}
    return milliseconds | {
        "requests": str(one.requests),
        "failed": str(sum(one.failed.values())),
        "requests/s": figure(one.requests_per_second),
        # One row a request is the usual case, and says nothing.
        "rows/s": figure(one.rows_per_second) if one.rows_per_second != one.requests_per_second else "",
        "x requests/s": figure(one.rate_ratio),
        "x p50": figure(one.latency_ratio),
    }


def _cost(one: LoadFigures) -> Row:
    parts = {_TITLES[part]: figure(seconds, 1000) for part, seconds in one.parts.items()}
    return parts | {
        "cpu ms": figure(one.cpu_seconds, 1000),
        "rss MB": figure(one.resident_bytes / 1e6),
        "rows/run": figure(one.batch_size),
        "late ms": figure(one.lateness_seconds, 1000),
        "mean ms": figure(one.latency_seconds["mean"], 1000),
    }


def figure(value: float | None, factor: float = 1) -> str:
    """Return ``value`` times ``factor`` with four digits; empty if there is none."""
    return "" if value is None else f"{value * factor:.4g}"


def _count(value: int | None) -> str:
    return "" if value is None else str(value)
