"""The hook of turnout-web: ``turnout serve``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from turnout import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def turnout_commands() -> Iterable[click.Command]:
    """Yield ``turnout serve``."""
    from turnout_web.commands.serve import serve

    yield serve
