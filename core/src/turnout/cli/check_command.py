"""``turnout check``: check the settings, the pipelines and, with ``--deep``, the models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.exits import FAILED, WHAT_FAILED, next_step
from turnout.cli.invocation import current_invocation
from turnout.cli.options import examples, json_option, quiet_option
from turnout.cli.printing import print_json, print_next, print_table
from turnout.command_options import config_option

if TYPE_CHECKING:
    from turnout.commands.check_result import CheckResult


LONGEST_TEXT = 400


@click.command("check", epilog=examples("check"))
@quiet_option
@config_option
@click.option("--deep", is_flag=True, help="Also open every model and send it a request; may take minutes.")
@json_option
def command(config: Path, deep: bool, as_json: bool) -> None:  # noqa: FBT001  # click's flags
    """Check a turnout.yaml: keys, options, plugins, the order of steps; with --deep also the models."""
    from turnout.commands.check import check_app

    findings = check_app(config, deep=deep)
    if as_json:
        print_json([_entries(finding) for finding in findings])
    else:
        print_table(("", "what", "name", "found"), [_row(finding) for finding in findings])
    if not all(finding.ok for finding in findings):
        print_next(next(filter(None, map(_next_step, findings)), WHAT_FAILED))
        raise SystemExit(FAILED)


def _next_step(finding: CheckResult) -> str:
    return next_step(finding.error, current_invocation(), otherwise="") if finding.error is not None else ""


def _entries(finding: CheckResult) -> dict[str, Any]:
    entries = {"what": finding.what, "name": finding.name, "ok": finding.ok, "text": finding.text, "note": finding.note}
    return entries | {"next": _next_step(finding)}


def _row(finding: CheckResult) -> dict[str, str]:
    text = current_invocation().suggest_within(finding.text, finding.name)
    return {"": _verdict(finding), "what": finding.what, "name": finding.name, "found": _shorten(text)}


def _verdict(finding: CheckResult) -> str:
    if not finding.ok:
        return "FAIL"
    return "note" if finding.note else "ok"


def _shorten(text: str) -> str:
    """Return ``text``, or its begin and end: what to do is usually said last."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]} ... {text[-half:]} (whole: --json)"
