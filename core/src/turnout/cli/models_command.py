"""``turnout models``: what turnout.yaml says of each model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from turnout.cli.options import config_option, json_option, print_json, print_table


@click.command("models")
@config_option
@json_option
def command(config: Path, as_json: bool) -> None:  # noqa: FBT001  # click's flag
    """List the models of a turnout.yaml: the backend that serves each, the others it could move to, its tensors."""
    from turnout.plugins.discovery import find_plugins
    from turnout.settings import load_settings

    loaded = load_settings(config, registry=find_plugins())
    rows: list[dict[str, Any]] = []
    for name, settings in loaded.settings.models.items():
        declaration, backend = settings.declaration(name, loaded.folder), loaded.settings.backend_of(name)
        rows.append(
            {
                "model": name,
                "backend": backend,
                "others": [other for other in settings.backends if other != backend],
                "max_batch_size": settings.max_batch_size,
                "inputs": {spec.name: str(spec) for spec in declaration.inputs},
                "outputs": {spec.name: str(spec) for spec in declaration.outputs},
            }
        )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row["others"] = ", ".join(row["others"])
        row["inputs"] = ", ".join(f"{name} {spec}" for name, spec in row["inputs"].items())
    print_table(("model", "backend", "others", "inputs"), rows)
