"""``turnout schema``: print the JSON schema of turnout.yaml for editors."""

from __future__ import annotations

import click

from turnout.cli.options import examples
from turnout.cli.printing import print_json


@click.command("schema", epilog=examples("schema"))
def command() -> None:
    """Print the JSON schema of turnout.yaml, with the options of the installed plugins."""
    from turnout.plugins.discovery import find_plugins
    from turnout.settings import json_schema

    print_json(json_schema(find_plugins()))
