"""``turnout plugins``: list the installed plugins, the broken ones with their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from turnout.cli.options import examples, json_option
from turnout.cli.printing import print_json, print_next, print_table, print_text

if TYPE_CHECKING:
    from turnout.plugins.inventory import PluginInfo


@click.command("plugins", epilog=examples("plugins"))
@click.option("--traceback", "with_traceback", is_flag=True, help="Also print the traceback of each broken plugin.")
@json_option
def command(with_traceback: bool, as_json: bool) -> None:  # noqa: FBT001  # click's flags
    """List the installed plugins and what each provides; of a broken plugin, the error.

    A plugin that declares the same name as another one is listed as broken.
    """
    from turnout.cli.group import OWN_COMMANDS
    from turnout.plugins.discovery import find_plugins

    infos = find_plugins(OWN_COMMANDS).infos
    if as_json:
        print_json([_entries(info) | ({"traceback": info.traceback} if with_traceback else {}) for info in infos])
        return
    rows = [_entries(info) | {"brings": _format_declarations(info)} for info in infos]
    print_table(("plugin", "distribution", "brings"), rows)
    broken = [info for info in infos if info.traceback]
    for info in broken if with_traceback else ():
        click.echo()
        print_text(f"plugin {info.name!r} ({info.distribution}):")
        for line in info.traceback.splitlines():
            print_text(line)
    if broken and not with_traceback:
        print_next("turnout plugins --traceback")


def _entries(info: PluginInfo) -> dict[str, Any]:
    return {
        "plugin": info.name,
        "distribution": info.distribution,
        "brings": [f"{kind} {name}" for kind, name in info.brings],
        "error": info.error,
    }


def _format_declarations(info: PluginInfo) -> str:
    if info.error:
        return f"BROKEN: {info.error}"
    return ", ".join(f"{kind} {name}" for kind, name in info.brings) or "nothing"
