"""``turnout check``: check the settings, the pipelines and, with ``--deep``, the models."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from turnout.cli.exits import FAILED
from turnout.cli.options import config_option, examples, json_option, print_json, print_table, quiet_option
from turnout.cli.printing import print_next


@click.command("check", epilog=examples("check"))
@quiet_option
@config_option
@click.option("--deep", is_flag=True, help="Also open every model, which may take minutes.")
@json_option
def command(config: Path, deep: bool, as_json: bool) -> None:  # noqa: FBT001  # click's flags
    """Check a turnout.yaml: keys, options, plugins, the order of steps; with --deep also the models."""
    from turnout.commands.check import check_app

    findings = check_app(config, deep=deep)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        rows = [
            {"": "ok" if finding.ok else "FAIL", "what": finding.what, "name": finding.name, "found": finding.text}
            for finding in findings
        ]
        print_table(("", "what", "name", "found"), rows)
    if not all(finding.ok for finding in findings):
        print_next("change what FAIL names")
        raise SystemExit(FAILED)
