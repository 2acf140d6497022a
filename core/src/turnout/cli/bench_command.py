"""``turnout bench``: measure the speed of a model on its backend and on others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.exits import FAILED
from turnout.cli.failures import Failures
from turnout.cli.options import (
    SECONDS,
    against_option,
    config_option,
    examples,
    json_option,
    optional_model_argument,
    quiet_option,
)
from turnout.cli.printing import print_finding, print_json, print_table, print_text
from turnout.cli.request_options import check_source, request_options
from turnout.error_text import count_of

if TYPE_CHECKING:
    from turnout.commands.bench import BenchResult, LoadFigures


@click.command("bench", epilog=examples("bench"))
@optional_model_argument
@against_option("Measure this backend too.")
@click.option(
    "--callers",
    multiple=True,
    default=(1,),
    show_default=True,
    type=click.IntRange(1, 1024),
    help="The number of concurrent callers; several are measured in turn.",
)
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=SECONDS,
    help="How long each backend receives requests.",
)
@request_options
@quiet_option
@config_option
@json_option
def command(model: str | None, config: Path, *, as_json: bool, **choices: Any) -> None:
    """Send requests to MODEL, or to every model, on its current backend and on others, in turn, and report the speed.

    The requests are recorded, given, or generated. Exit 1 if some failed, 3 if a backend cannot be reached.
    """
    from turnout.commands.bench import BenchOptions, bench_file
    from turnout.commands.models_of_file import models_of_file

    check_source(choices, model)
    options = BenchOptions(**choices)
    failures = Failures()

    def measure(name: str) -> dict[str, Any]:
        measured = bench_file(config, name, options)
        if not as_json:
            _print(measured)
        for failure in measured.failures():
            print_finding(str(failure), err=as_json)
            failures.add(FAILED, f"turnout verify {name}")
        return measured.as_json()

    if model is not None:
        results = measure(model)
    else:
        results = {"models": [failures.catch(name, measure) for name in models_of_file(config)]} | failures.as_json()
    if as_json:
        print_json(results)
    failures.end()


_COLUMNS = (
    *("backend", "callers", "requests", "failed", "requests/s", "x requests/s"),
    *("p50 ms", "x p50", "p95 ms", "p99 ms", "max ms"),
)


def _print(measured: BenchResult) -> None:
    print_text(
        f"{measured.model} on {measured.reference}, {count_of(measured.requests, 'different request')}: {measured.source}"
    )
    print_table(_COLUMNS, [_format_row(one) for one in measured.results])


def _format_row(one: LoadFigures) -> dict[str, str]:
    milliseconds = {f"{name} ms": _format_figure(value, 1000) for name, value in one.latency_seconds.items()}
    return milliseconds | {
        "backend": one.backend,
        "callers": str(one.callers),
        "requests": str(one.requests),
        "failed": str(sum(one.failed.values())),
        "requests/s": _format_figure(one.requests_per_second),
        "x requests/s": _format_figure(one.rate_ratio),
        "x p50": _format_figure(one.latency_ratio),
    }


def _format_figure(value: float | None, factor: int = 1) -> str:
    return "" if value is None else f"{value * factor:.4g}"
