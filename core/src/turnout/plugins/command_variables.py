"""The environment variables that the commands of plugins read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def variables_of(commands: Iterable[click.Command]) -> Iterator[str]:
    """Yield the variables of the options of ``commands``, and of the commands of a group."""
    for command in commands:
        for parameter in command.params:
            named = parameter.envvar or ()
            yield from (named,) if isinstance(named, str) else named
        yield from variables_of(getattr(command, "commands", {}).values())
