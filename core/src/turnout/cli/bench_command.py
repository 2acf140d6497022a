"""``turnout bench``: measure the speed of a model or a pipeline on its backend and on others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from turnout.cli.exits import FAILED
from turnout.cli.failures import Failures
from turnout.cli.lists_of_numbers import numbers_option
from turnout.cli.named_values import parse_values
from turnout.cli.options import (
    QUIET,
    REQUESTS_A_SECOND,
    SECONDS,
    against_option,
    complete_subjects,
    config_option,
    examples,
    json_option,
    quiet_option,
)
from turnout.cli.printing import print_finding, print_json, print_table, print_text
from turnout.cli.request_options import check_source, request_options
from turnout.error_text import count_of

if TYPE_CHECKING:
    from turnout.commands.bench import BenchOptions, BenchResult, LoadFigures

Command = TypeVar("Command", bound=Callable[..., Any])

_LOAD = (
    numbers_option(
        "--concurrency",
        "--callers",
        destination="callers",
        kind=click.IntRange(1, 1024),
        default="1,8",
        text="The number of concurrent callers, each of whom waits for an answer.",
    ),
    numbers_option(
        "--rate",
        destination="rates",
        kind=REQUESTS_A_SECOND,
        text="Requests a second that arrive at random, whether or not others are answered.",
    ),
    click.option(
        "--duration",
        "--seconds",
        "seconds",
        type=SECONDS,
        help="How long each backend receives requests, in each measurement. [default: 5, unless --requests is given]",
    ),
    click.option("--requests", type=click.IntRange(min=1), help="The most requests to each backend, in each measurement."),
)


def _load_options(command: Command) -> Command:
    for option in reversed(_LOAD):
        command = option(command)
    return command


@click.command("bench", epilog=examples("bench"))
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_subjects)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[FILE...]")
@against_option("Measure this backend too.")
@_load_options
@request_options
@click.option(
    "--set",
    "values",
    multiple=True,
    callback=parse_values,
    metavar="NAME=VALUE",
    help="A further input of a pipeline, as JSON or text.",
)
@quiet_option
@config_option
@json_option
@click.pass_context
def command(context: click.Context, /, *, name: str | None, config: Path, as_json: bool, **choices: Any) -> None:
    """Send requests to the model or pipeline NAME, or to every model, and report the speed.

    It is measured on its current backend and on others, in turn. A pipeline runs on each FILE, which may be a folder. The
    requests of a model are recorded, given, of a pipeline, or generated.

    Exit 1 if some failed, 3 if a backend cannot be reached.
    """
    from turnout.commands.bench import BenchOptions

    check_source(choices, name)
    # Progress is for people: a pipe gets the results alone.
    context.meta[QUIET] = context.meta.get(QUIET) or not sys.stderr.isatty()
    _Run(config, BenchOptions(**choices), as_json=as_json).run(name)


class _Run:
    """One run of the command."""

    def __init__(self, config: Path, options: BenchOptions, *, as_json: bool) -> None:
        self._config = config
        self._options = options
        self._as_json = as_json
        self._failures = Failures()
        self._interrupt: BaseException | None = None

    def run(self, name: str | None) -> None:
        """Measure ``name``, or every model; print, and exit."""
        from turnout.commands.models_of_file import models_of_file

        names = [name] if name is not None else models_of_file(self._config)
        measured = []
        for one in names:
            measured.append(self._measure(one) if name is not None else self._failures.catch(one, self._measure))
            if self._interrupt is not None:
                break
        if self._as_json:
            print_json({"format": 1, "measured": measured} | self._failures.as_json())
        if self._interrupt is not None:
            self._interrupt.add_note("the figures above are of what was measured until then")
            raise self._interrupt
        self._failures.end()

    def _measure(self, name: str) -> dict[str, Any]:
        from turnout.commands.bench import bench_file

        measured = bench_file(self._config, name, self._options)
        self._interrupt = measured.interrupt
        if not self._as_json:
            _print(measured)
        for failure in measured.failures():
            print_finding(str(failure), err=self._as_json)
            self._failures.add(FAILED, f"turnout verify {name}" if measured.kind == "model" else "turnout check --deep")
        return dict(measured.as_json())


_COLUMNS = (
    *("backend", "callers", "rate", "requests", "failed", "requests/s", "x requests/s"),
    *("p50 ms", "x p50", "p90 ms", "p95 ms", "p99 ms", "max ms", "cpu ms", "rss MB"),
)
_OPTIONAL = {"callers", "rate"}


def _print(measured: BenchResult) -> None:
    requests = count_of(measured.requests, "different request" if measured.kind == "model" else "different input")
    print_text(f"{measured.name} on {measured.reference}, {requests}: {measured.source}")
    rows = [_format_row(one) for one in measured.results]
    print_table(tuple(name for name in _COLUMNS if name not in _OPTIONAL or any(row[name] for row in rows)), rows)


def _format_row(one: LoadFigures) -> dict[str, str]:
    milliseconds = {f"{name} ms": _format_figure(value, 1000) for name, value in one.latency_seconds.items()}
    return milliseconds | {
        "backend": one.backend,
        "callers": "" if one.callers is None else str(one.callers),
        "rate": _format_figure(one.rate),
        "requests": str(one.requests),
        "failed": str(sum(one.failed.values())),
        "requests/s": _format_figure(one.requests_per_second),
        "x requests/s": _format_figure(one.rate_ratio),
        "x p50": _format_figure(one.latency_ratio),
        "cpu ms": _format_figure(one.cpu_seconds, 1000),
        "rss MB": _format_figure(one.resident_bytes / 1e6),
    }


def _format_figure(value: float | None, factor: int = 1) -> str:
    return "" if value is None else f"{value * factor:.4g}"
