"""``turnout health``: show what serves each model, and whether requests are answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.exits import FAILED
from turnout.cli.options import examples, json_option
from turnout.cli.printing import print_finding, print_json, print_line, print_table
from turnout.command_options import SECONDS, config_option

if TYPE_CHECKING:
    from turnout.commands.health import FoundHealth

_COLUMNS = ("model", "role", "backend", "state", "circuit", "version", "ready", "last error")


@click.command("health", epilog=examples("health"))
@config_option
@click.option("--url", help="The running app to ask, such as http://localhost:8000; by default the one at metrics.port.")
@click.option("--timeout", "timeout_seconds", type=SECONDS, default=5.0, show_default=True, help="Seconds to wait at most.")
@json_option
def command(config: Path, url: str | None, timeout_seconds: float, as_json: bool) -> None:  # noqa: FBT001  # click's flag
    """Show the backend that serves each model, its circuit, its fallback and its last error; for a probe, too.

    Asks the running app where turnout.yaml has metrics.port, or --url names it. Else asks the servers of the models from this
    process, and loads no model. Exit 0 if every model is ready, 1 if one is not, 3 if no app answers.
    """
    from turnout.commands.health import FoundHealth, health_of_file, running_health

    if url is not None:
        found = FoundHealth(url, running_health(url, timeout_seconds))
    else:
        found = health_of_file(config, timeout_seconds)
    if as_json:
        print_json({"source": found.source or None, **found.report})
    else:
        _print(found)
    if not found.report["ready"]:
        raise SystemExit(FAILED)


def _print(found: FoundHealth) -> None:
    print_table(_COLUMNS, list(_rows(found.report["models"])))
    if not found.source:
        print_line("note", "no running app was asked: set metrics.port in turnout.yaml, or name an app with --url")
    for reason in found.report["reasons"]:
        print_finding(str(reason))


def _rows(models: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for name, model in models.items():
        for arm in model["arms"]:
            role = f"{arm.get('role')}, in use" if arm.get("backend") == model.get("fallback_in_use") else arm.get("role")
            yield {**arm, "model": name, "role": role, "ready": "yes" if arm.get("ready") else "no", "last error": _error(arm)}


def _error(arm: Mapping[str, Any]) -> str | None:
    age = arm.get("last_error_age_seconds")
    if not arm.get("ready") and arm.get("reason"):
        return str(arm["reason"])
    return f"{age:.0f} s ago: {arm.get('last_error')}" if isinstance(age, int | float) else None
