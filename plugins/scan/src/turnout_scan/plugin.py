"""The hook of turnout-scan: ``turnout scan``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from turnout import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def turnout_commands() -> Iterable[click.Command]:
    """Yield ``turnout scan``."""
    from turnout_scan.command import scan

    yield scan
