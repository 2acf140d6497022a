"""``turnout init``: write a first turnout.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from turnout.cli.exits import FAILED
from turnout.cli.invocation import current_invocation
from turnout.cli.options import config_option, examples
from turnout.cli.printing import print_line, print_next, print_text

if TYPE_CHECKING:
    from turnout.commands.init.draft import Draft


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
    _check_place(config, force=force)
    draft = _draft(files, repository, config.parent)
    for note in draft.notes:
        print_line("note", note)
    if not draft.text:
        print_line("error", f"no model of {str(repository)!r} can be used, so {str(config)!r} was not written")
        print_next("correct what the notes name, or write the models into turnout.yaml yourself: turnout init")
        raise SystemExit(FAILED)
    _place(draft.text, config)
    print_text(f"wrote {config}")
    print_next("turnout check")


def _check_place(config: Path, *, force: bool) -> None:
    """Raise UsageError if the file cannot be written there, before the models are read."""
    if config.is_dir():
        raise click.UsageError(f"{str(config)!r} is a folder; name a file in it: --config {config / 'turnout.yaml'}")
    if not config.parent.is_dir():
        raise click.UsageError(f"the folder {str(config.parent)!r} of {str(config)!r} does not exist; create it first")
    if config.exists() and not force:
        raise click.UsageError(f"{str(config)!r} exists; --force overwrites it, --config names another")


def _draft(files: tuple[Path, ...], repository: Path | None, folder: Path) -> Draft:
    from turnout.commands.init.model_files import file_settings
    from turnout.commands.init.repository_models import repository_settings
    from turnout.commands.init.starter import starter_settings
    from turnout.plugins.discovery import find_plugins

    if repository is not None:
        return repository_settings(find_plugins(), repository, folder, current_invocation().config)
    return file_settings(find_plugins(), files, folder) if files else starter_settings(find_plugins(), folder)


def _place(text: str, config: Path) -> None:
    """Write the file whole, so that an old one is kept if the disk is full; a link is followed."""
    from turnout.files.atomic import open_atomic

    with open_atomic(config.resolve(), mode=0o666) as stream:
        stream.write(text.encode())
