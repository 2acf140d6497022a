"""``turnout init``: write a first turnout.yaml."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.options import config_option, examples
from turnout.cli.printing import print_next


@click.command("init", epilog=examples("init"))
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--from-repository",
    "repository",
    type=click.Path(path_type=Path),
    help="Read the models of an existing model repository.",
)
@config_option
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def command(files: tuple[Path, ...], repository: Path | None, config: Path, force: bool) -> None:  # noqa: FBT001  # click's flag
    """Write a first turnout.yaml: with a model for each FILE, with the models of a repository, or with an example."""
    if files and repository:
        raise click.UsageError("give files or --from-repository, not both")
    if config.exists() and not force:
        raise click.UsageError(f"{str(config)!r} exists; --force overwrites it, --config names another")
    config.write_text(_text(files, repository, config.parent), encoding="utf-8")
    click.echo(f"wrote {config}")
    print_next("turnout check")


def _text(files: tuple[Path, ...], repository: Path | None, folder: Path) -> str:
    from turnout.commands.init import repository_settings, starter_settings
    from turnout.plugins.discovery import find_plugins

    if repository is None:
        return starter_settings(find_plugins(), files, folder)
    return repository_settings(find_plugins(), repository, folder)
