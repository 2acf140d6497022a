"""``turnout init``: write a first turnout.yaml."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.options import config_option


@click.command("init")
@click.argument("onnx_files", nargs=-1, metavar="[FILE.onnx]...", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--from-repository",
    "repository",
    type=click.Path(path_type=Path),
    help="Use the models of an existing Triton model repository.",
)
@config_option
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def command(onnx_files: tuple[Path, ...], repository: Path | None, config: Path, force: bool) -> None:  # noqa: FBT001  # click's flag
    """Write a first turnout.yaml: for FILE.onnx..., for an existing repository, or with BLIP and BiRefNet as examples."""
    if onnx_files and repository:
        raise click.UsageError("give ONNX files or --from-repository, not both")
    if config.exists() and not force:
        raise click.UsageError(f"{str(config)!r} exists; --force overwrites it, --config names another")
    config.write_text(_text(onnx_files, repository, config.parent), encoding="utf-8")
    click.echo(f"wrote {config}")
    click.echo(f"next: turnout check --config {config}", err=True)


def _text(onnx_files: tuple[Path, ...], repository: Path | None, folder: Path) -> str:
    from turnout.commands.init import repository_settings, starter_settings
    from turnout.plugins.discovery import find_plugins

    if repository is None:
        return starter_settings(onnx_files, folder)
    return repository_settings(find_plugins(), repository, folder)
