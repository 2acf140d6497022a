"""``turnout init``: a first turnout.yaml."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.options import config_option


@click.command("init")
@click.argument("onnx_files", nargs=-1, metavar="[FILE.onnx]...", type=click.Path(path_type=Path, exists=True))
@config_option
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def command(onnx_files: tuple[Path, ...], config: Path, force: bool) -> None:  # noqa: FBT001  # click's flag
    """Write a first turnout.yaml: with a model for each FILE.onnx, or with BLIP and BiRefNet as examples."""
    from turnout.starter import starter_settings

    if config.exists() and not force:
        raise click.UsageError(f"{str(config)!r} exists; --force overwrites it, --config names another")
    config.write_text(starter_settings(onnx_files, config.parent), encoding="utf-8")
    click.echo(f"wrote {config}")
    click.echo(f"next: turnout check --config {config}", err=True)
