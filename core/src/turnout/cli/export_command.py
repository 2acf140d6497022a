"""``turnout export``: a model's next version in a model repository."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.options import config_option, json_option, model_argument, print_json


@click.command("export")
@model_argument
@click.option("--format", "format_", default="onnx", show_default=True, help="onnx, or what a plugin adds.")
@click.option(
    "--repository",
    default="model_repository",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The model repository to write into.",
)
@click.option("--version", type=click.IntRange(min=1), help="The version to write; the next one by default.")
@config_option
@json_option
def command(model: str, format_: str, repository: Path, version: int | None, config: Path, as_json: bool) -> None:  # noqa: FBT001  # click's flag
    """Write MODEL as a new version into a model repository, in one atomic step."""
    from turnout.check import describe_signature
    from turnout.export import export_model
    from turnout.plugins import find_plugins
    from turnout.settings import load_settings

    plugins = find_plugins()
    loaded = load_settings(config, registry=plugins)
    exported = export_model(loaded, plugins, model, format_, repository, version)
    if as_json:
        print_json({"file": str(exported.file), "version": exported.version, "bytes": exported.file.stat().st_size})
        return
    click.echo(f"{exported.file}: version {exported.version}, {exported.file.stat().st_size:,} bytes")
    click.echo(describe_signature(exported.signature))
