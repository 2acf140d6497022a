"""``turnout models``: list the models of turnout.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.options import examples, json_option
from turnout.cli.printing import print_json, print_table
from turnout.command_options import config_option

if TYPE_CHECKING:
    from turnout.settings import LoadedModel


@click.command("models", epilog=examples("models"))
@config_option
@json_option
def command(config: Path, as_json: bool) -> None:  # noqa: FBT001  # click's flag
    """List the models of a turnout.yaml: the backend of each, with its instances and a canary; the others, the tensors."""
    from turnout.plugins.discovery import find_plugins
    from turnout.settings import load_settings

    loaded = load_settings(config, registry=find_plugins())
    rows: list[dict[str, Any]] = [_row(model) for model in loaded.models.values()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        if groups := row["instance_group"]:
            row["backend"] += f" ({', '.join(groups)})"
        if canary := row["canary"]:
            row["backend"] += f", {canary['weight']:g} on {canary['backend']}"
        row["others"] = ", ".join(row["others"])
        row["inputs"] = ", ".join(f"{name} {spec}" for name, spec in row["inputs"].items())
    print_table(("model", "backend", "others", "inputs"), rows)


def _row(model: LoadedModel) -> dict[str, Any]:
    from turnout.commands.instances import instance_groups

    canary = model.settings.canary
    return {
        "model": model.name,
        "backend": model.backend,
        "canary": {"backend": canary.backend, "weight": canary.weight} if canary is not None else None,
        "others": [other for other in model.settings.backends if other != model.backend],
        "max_batch_size": model.settings.max_batch_size,
        "instance_group": [str(group) for group in instance_groups(model, model.backend)],
        "inputs": {spec.name: str(spec) for spec in model.declaration.inputs},
        "outputs": {spec.name: str(spec) for spec in model.declaration.outputs},
    }
