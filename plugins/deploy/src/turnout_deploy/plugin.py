"""The hook of turnout-deploy: ``turnout deploy``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from turnout import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def turnout_commands() -> Iterable[click.Command]:
    """Yield the command ``turnout deploy``."""
    from turnout_deploy.commands.group import deploy

    yield deploy
