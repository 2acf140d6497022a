"""The options that the commands of ``turnout deploy`` share, and the end that is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from turnout.command_options import config_option

if TYPE_CHECKING:
    from turnout_deploy.files import Deployment
    from turnout_deploy.plan import Plan

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(path_type=Path, file_okay=False)
COUNT = click.IntRange(1, 100)

_name_option = click.option("--name", default="turnout", show_default=True, help="The name of the app, in all names.")
_values_option = click.option(
    "--set",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="A variable of turnout.yaml, written as it is; not for secrets. This environment is not read.",
)
repository_option = click.option(
    "--repository",
    default="model_repository",
    show_default=True,
    help="The model repository, a folder in the folder of turnout.yaml.",
)
_force_option = click.option("--force", is_flag=True, help="Overwrite files that were written or edited by hand.")
_check_option = click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 if a file differs from what would be written."
)


def settings_options(folder: str) -> Callable[[Command], Command]:
    """Return what adds the options that say where to write, by default into ``folder``, and which turnout.yaml is read."""
    out = click.option("--out", default=Path(folder), show_default=True, type=FOLDER, help="The folder to write.")
    return lambda command: out(config_option(_name_option(command)))


def writing_options(command: Command) -> Command:
    """Add the options of variables, and of whether files are written."""
    return _values_option(_force_option(_check_option(command)))


def parse_values(given: tuple[str, ...]) -> Mapping[str, str]:
    """Return the values of ``--set`` by name."""
    values: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.isidentifier():
            raise click.UsageError(f"--set {name!r} must be NAME=VALUE, with the name of a variable of turnout.yaml")
        if not value.isprintable():
            raise click.UsageError(f"--set {name!r}: the value has a character that cannot be printed; write it without")
        values[name] = value
    return values


def make_plan(config: Path, name: str, values: tuple[str, ...], repository: str | None, **more: Any) -> Plan:
    """Return the plan for a turnout.yaml; without ``repository`` the servers find their models elsewhere.

    Raises:
        ConfigurationError: the file or an option cannot be used.
    """
    from turnout.commands.app_needs import read_app_needs
    from turnout.errors import ConfigurationError
    from turnout_deploy.plan import Plan

    parsed = parse_values(values)
    more |= {} if repository is None else {"repository": repository}
    plan = Plan(name, read_app_needs(config, parsed), parsed, **more)
    if repository is not None and plan.has_servers and not (plan.needs.folder / repository).is_dir():
        raise ConfigurationError(
            f"the model repository {repository!r} is no folder in {str(plan.needs.folder)!r}, and Triton serves one; name it "
            "with --repository, or write one: turnout export"
        )
    return plan


def finish(out: Path, deployment: Deployment, *, force: bool, check: bool) -> None:
    """Write the files into ``out``, or compare them, and print what changed."""
    from turnout.errors import shown
    from turnout_deploy.files import differences, write

    if check:
        different = differences(out, deployment)
        for name in different:
            click.echo(shown(f"FAIL {out / name} is missing, or differs from what turnout.yaml asks for"))
        if different:
            click.echo("next: write the files again, without --check", err=True)
            raise SystemExit(1)
        click.echo(shown(f"{len(deployment.contents())} files in {out} are up to date"))
        return
    for name in write(out, deployment, force=force):
        click.echo(shown(f"wrote {out / name}"))
    for note in deployment.notes:
        click.echo(shown(f"note {note}"), err=True)
    click.echo(shown(f"next: {deployment.next}"), err=True)
