"""``turnout scan``: what a code base does with its models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from turnout_scan.rules.finding import Rule
    from turnout_scan.scan import ScanResult


class NothingToScanError(click.ClickException):
    """No file can be scanned. The command line has the right form, so its usage is not shown."""

    exit_code = 2


@click.command(
    "scan",
    short_help="Find the models that an app loads and calls by itself.",
    epilog="\b\nExamples:\n  turnout scan .\n  turnout scan . --json\n  turnout scan . --rule direct-call",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--rule", "names", multiple=True, metavar="RULE", help="Apply this rule only; may be given several times. Default: all."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def scan(paths: tuple[Path, ...], names: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001  # click's flags
    """List the models that the code below PATH loads and calls, why each is in the way of a move, and the change.

    The code is parsed, never imported or run. Exit code 0: nothing found, 1: something found, 2: wrong usage, or no
    file that can be read. A comment "# turnout: ignore" or "# turnout: ignore[RULE]" keeps the findings of its line out.
    """
    import gc

    from turnout_scan.scan import scan as scan_files

    rules = _rules(names)
    # The trees live until the end: to look through them for garbage takes half of the time.
    gc.disable()
    result = scan_files(paths, rules)
    gc.enable()
    if not result.files:
        if not as_json and len(result.skipped) > 1:
            _print_skipped(result)
        raise _nothing_to_scan(paths, result)
    if as_json:
        _print_json(paths, result)
    else:
        _print_text(result)
    if result.found:
        raise SystemExit(1)


def _rules(names: tuple[str, ...]) -> tuple[Rule, ...]:
    from turnout.errors import suggestion
    from turnout_scan.rules.all_rules import RULES

    known = {rule.name: rule for rule in RULES}
    for name in names:
        if name not in known:
            raise click.UsageError(f"unknown rule {name!r}; known: {', '.join(known)}.{suggestion(name, list(known))}")
    return tuple(rule for rule in RULES if not names or rule.name in names)


def _nothing_to_scan(paths: tuple[Path, ...], result: ScanResult) -> NothingToScanError:
    from turnout.errors import shown

    places = ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    why = ""
    if result.skipped:
        first, others = result.skipped[0], len(result.skipped) - 1
        named = "" if paths == (first.file,) else f"{first.file}: "
        why = f": {named}{first.reason}" + (f", and {others} more skipped" if others else "")
    return NothingToScanError(shown(f"no Python file to scan in {places}{why}; give a file or folder with Python sources"))


def _print_json(paths: tuple[Path, ...], result: ScanResult) -> None:
    from turnout.errors import json_text
    from turnout_scan.report.as_json import result_as_json

    click.echo(json_text(result_as_json(paths, result), indent=2))


def _print_text(result: ScanResult) -> None:
    from turnout.errors import shown
    from turnout_scan.report.as_text import lines_of_found, summary_of

    for one in result.found:
        for line in lines_of_found(one):
            # The texts of a stranger's code must drive no terminal; the indentation is ours.
            bare = line.lstrip(" ")
            click.echo(line[: len(line) - len(bare)] + shown(bare))
        click.echo()
    _print_skipped(result)
    for note in result.notes:
        click.echo(shown(f"note: {note}"), err=True)
    click.echo(summary_of(result), err=True)


def _print_skipped(result: ScanResult) -> None:
    from turnout.errors import shown

    for skipped in result.skipped:
        click.echo(shown(f"skipped {skipped.file}: {skipped.reason}"), err=True)
