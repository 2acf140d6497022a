"""``turnout init``: write a first turnout.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from turnout.cli.exits import FAILED
from turnout.cli.invocation import current_invocation
from turnout.cli.options import examples
from turnout.cli.printing import print_line, print_next, print_text
from turnout.command_options import config_option

if TYPE_CHECKING:
    from turnout.commands.init.draft import Draft

_MAX_NOTES = 40


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
    _print_notes(draft.notes)
    if not draft.text:
        print_line("error", f"no model of {str(repository)!r} can be used, so {str(config)!r} was not written")
        print_next("correct what the notes name, or write the models into turnout.yaml yourself: turnout init")
        raise SystemExit(FAILED)
    _place(draft, config)
    print_text(f"wrote {config}")
    print_next("turnout check")


def _check_place(config: Path, *, force: bool) -> None:
    """Raise UsageError if the file cannot be written there, before the models are read."""
    if config.is_dir():
        raise click.UsageError(f"{str(config)!r} is a folder; name a file in it: --config {config / 'turnout.yaml'}")
    if not config.parent.is_dir():
        raise click.UsageError(f"the folder {str(config.parent)!r} of {str(config)!r} does not exist; create it first")
    if config.is_symlink() and not config.exists() and not _leads_below(config):
        raise click.UsageError(f"{str(config)!r} is a link to a place elsewhere where no file is; remove it first")
    if config.exists() and not force:
        raise click.UsageError(f"{str(config)!r} exists; --force overwrites it, --config names another")


def _leads_below(link: Path) -> bool:
    try:
        return link.resolve().is_relative_to(link.parent.resolve())
    except RuntimeError:  # links in a circle
        return False


def _draft(files: tuple[Path, ...], repository: Path | None, folder: Path) -> Draft:
    from turnout.commands.init.model_files import file_settings
    from turnout.commands.init.repository_models import repository_settings
    from turnout.commands.init.starter import starter_settings
    from turnout.plugins.discovery import find_plugins

    if repository is not None:
        return repository_settings(find_plugins(), repository, folder, current_invocation().config)
    return file_settings(find_plugins(), files, folder) if files else starter_settings(find_plugins(), folder)


def _print_notes(notes: tuple[str, ...]) -> None:
    for note in notes[:_MAX_NOTES]:
        print_line("note", note)
    if len(notes) > _MAX_NOTES:
        print_line("note", f"and {len(notes) - _MAX_NOTES} more notes")


def _place(draft: Draft, config: Path) -> None:
    from turnout.commands.init.draft import place_draft
    from turnout.plugins.discovery import find_plugins

    place_draft(draft, config, find_plugins())
