"""``turnout bench``: measure the speed of a model or a pipeline on its backend and on others."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.bench_options import load_options, report_options
from turnout.cli.exits import FAILED
from turnout.cli.failures import Failures
from turnout.cli.options import QUIET, against_option, complete_subjects, examples, quiet_option
from turnout.cli.printing import print_finding, print_json, print_line, print_table, print_text
from turnout.cli.request_options import check_source, request_options
from turnout.command_options import config_option

if TYPE_CHECKING:
    from turnout.commands.bench import BenchOptions, BenchResult
    from turnout.commands.bench.earlier import EarlierReport


@dataclass(frozen=True, slots=True)
class _BenchReport:
    """The report that the user asks for."""

    write: bool
    compare: Path | None
    allow: float | None
    plot: Path | None
    markdown: bool
    as_json: bool

    def check(self) -> None:
        """Raise an error for what cannot be reported; before anything is measured."""
        if self.markdown and self.as_json:
            raise click.UsageError("give one of --json and --markdown")
        if self.allow is not None and self.compare is None:
            raise click.UsageError("--allow is the bound of a comparison; give --compare FILE too")
        if self.plot is not None:
            from turnout.commands.bench.report.plot import check_plot

            check_plot(self.plot)

    def earlier(self) -> EarlierReport | None:
        """Return the earlier report to compare with; before anything is measured."""
        if self.compare is None:
            return None
        from turnout.commands.bench.earlier import read_earlier

        return read_earlier(self.compare)


@click.command("bench", epilog=examples("bench"))
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_subjects)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[FILE...]")
@against_option("Measure this backend too.")
@load_options
@request_options
@report_options
@quiet_option
@config_option
@click.pass_context
def command(context: click.Context, /, *, name: str | None, config: Path, batching: str, **choices: Any) -> None:
    """Send requests to the model or pipeline NAME, or to every model, and report the speed.

    It is measured on its current backend and on others, in turn. A pipeline runs on each FILE, which may be a folder. The
    requests of a model are recorded, given, of a pipeline, or generated.

    Exit 1 if some failed, or something is slower than --compare allows; 3 if a backend cannot be reached.
    """
    from turnout.commands.bench import BenchOptions

    report = _BenchReport(**{key: choices.pop(key) for key in _BenchReport.__dataclass_fields__})
    check_source(choices, name)
    report.check()
    # Progress is for people: a pipe gets the results alone.
    context.meta[QUIET] = context.meta.get(QUIET) or not sys.stderr.isatty()
    _Run(config, BenchOptions(**choices, compare_batching=batching == "compare"), report).run(name)


class _Run:
    """One run of the command."""

    def __init__(self, config: Path, options: BenchOptions, report: _BenchReport) -> None:
        self._config = config
        self._options = options
        self._report = report
        self._failures = Failures()
        self._results: list[BenchResult] = []
        self._interrupt: BaseException | None = None

    def run(self, name: str | None) -> None:
        """Measure ``name``, or every model; print, and exit."""
        from turnout.commands.bench.write_back import check_writable
        from turnout.commands.models_of_file import models_of_file

        earlier = self._report.earlier()
        names = [name] if name is not None else models_of_file(self._config)
        if self._report.write:
            for one in names:
                check_writable(self._config, one)
        measured = []
        for one in names:
            measured.append(self._measure(one) if name is not None else self._failures.catch(one, self._measure))
            if self._interrupt is not None:
                break
        comparison = self._compare(earlier) if earlier is not None and self._results else None
        if self._report.plot is not None and self._results:
            self._draw(self._report.plot)
        if self._report.as_json:
            from turnout.commands.bench.report.content import report_content

            compared = {} if comparison is None else {"comparison": comparison}
            print_json(report_content(measured) | compared | self._failures.as_json())
        if self._interrupt is not None:
            self._interrupt.add_note("the figures above are of what was measured until then")
            raise self._interrupt
        self._failures.end()

    def _measure(self, name: str) -> dict[str, Any]:
        from turnout.commands.bench import bench_file
        from turnout.commands.bench.report.content import result_content

        result = bench_file(self._config, name, self._options)
        self._interrupt = result.interrupt
        self._results.append(result)
        self._print(result)
        for failure in result.failures():
            print_finding(failure, err=self._report.as_json)
            self._failures.add(FAILED, f"turnout verify {name}" if result.kind == "model" else "turnout check --deep")
        content = result_content(result)
        return content | {"written": self._write(result)} if self._report.write and self._interrupt is None else content

    def _print(self, result: BenchResult) -> None:
        if self._report.as_json:
            return
        if self._report.markdown:
            from turnout.commands.bench.report.markdown import markdown_lines

            for line in markdown_lines(result):
                print_text(line)
            return
        _print_tables(result)

    def _write(self, result: BenchResult) -> dict[str, Any] | None:
        """Write what is recommended, and print it on stderr, so that stdout has figures only."""
        from turnout.commands.bench.write_back import write_recommendation

        recommended = result.recommendation
        if recommended is None or not recommended.changes:
            print_line("note", f"nothing was written for {result.name}: no other setting is clearly faster")
            return None
        written = write_recommendation(self._config, result.name, recommended)
        for word, line in written.lines(result.name):
            print_line(word, line)
        return asdict(written)

    def _compare(self, earlier: EarlierReport) -> dict[str, Any]:
        from turnout.commands.bench.comparison import ALLOW, compare_runs

        allowed = ALLOW if self._report.allow is None else self._report.allow
        compared = compare_runs(self._results, earlier, self._report.compare or Path(), allowed)
        to_stderr = self._report.as_json
        print_text(compared.summary(), err=to_stderr)
        for regression in compared.regressions:
            print_finding(regression, err=to_stderr)
        for note in compared.notes:
            print_line("note", note)
        if compared.regressions:
            self._failures.add(FAILED, "measure again, and look at what changed since")
        return asdict(compared)

    def _draw(self, file: Path) -> None:
        from turnout.commands.bench.report.plot import draw_plot

        draw_plot(self._results, file)
        print_line("note", f"drew {file}")


def _print_tables(result: BenchResult) -> None:
    from turnout.commands.bench.report.table import cost_table, speed_table

    print_text(result.title())
    speed, cost = speed_table(result.results), cost_table(result.results)
    print_table(speed.columns, speed.rows)
    print_text("where the time goes, in ms of an answer:")
    print_table(cost.columns, cost.rows)
    for line in result.conclusions():
        print_text(line)
