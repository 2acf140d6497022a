"""The change of a load: the model gets a name in turnout.yaml."""

from __future__ import annotations

from turnout_scan.changes.change import Change
from turnout_scan.changes.handles import lines_that_open
from turnout_scan.changes.settings import settings_for
from turnout_scan.context.code_base import CodeBase
from turnout_scan.values.kinds import Load


def change_of_load(base: CodeBase, load: Load) -> Change:
    """Return what to do about ``load``."""
    yaml = settings_for(base, load)
    if not yaml:
        return Change("Turnout has no backend for this library: write one, as docs/how-to/write-a-backend.md shows.")
    text = "Name the model in turnout.yaml. It is loaded at its first use, or at start with preload: true."
    return Change(text, yaml, lines_that_open(base, load.module))
