"""``turnout plugins``: what is installed, what it brings, what is broken."""

from __future__ import annotations

from typing import Any

import click

from turnout.cli.options import json_option, print_json, print_table


@click.command("plugins")
@json_option
def command(as_json: bool) -> None:  # noqa: FBT001  # click's flag
    """List the plugins that are installed, with what each brings; a broken one with its reason."""
    from turnout.plugins.discovery import find_plugins

    rows: list[dict[str, Any]] = [
        {
            "plugin": info.name,
            "distribution": info.distribution,
            "brings": [f"{kind} {name}" for kind, name in info.brings],
            "error": info.error,
        }
        for info in find_plugins().infos
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row["brings"] = f"BROKEN: {row['error']}" if row["error"] else ", ".join(row["brings"]) or "nothing"
    print_table(("plugin", "distribution", "brings"), rows)
