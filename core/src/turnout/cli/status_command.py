"""``turnout status``: show the stage of each model and the next command to type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from turnout.cli.exits import UNREACHABLE
from turnout.cli.invocation import current_invocation
from turnout.cli.options import examples, json_option, optional_model_argument
from turnout.cli.printing import print_json
from turnout.command_options import config_option
from turnout.shown_text import LONGEST_STEP, shown

if TYPE_CHECKING:
    from turnout.commands.status import ModelStatus


@click.command("status", epilog=examples("status"))
@optional_model_argument
@config_option
@json_option
def command(model: str | None, config: Path, as_json: bool) -> None:  # noqa: FBT001  # click's flag
    """Show the stage of MODEL, or of every model, on its way to a server, the evidence for it, and the next command to type.

    Stages: 1 abstract, 2 exported, 3 served, 4 tuned. Opens no model. Exit 3 if the server of a model cannot be reached and
    the model has no fallback that answers.
    """
    from turnout.commands.status import status_of_file

    found = status_of_file(config, model)
    if as_json:
        print_json([status.as_json() for status in found])
    else:
        click.echo("\n\n".join("\n".join(_lines(status)) for status in found))
    if any(status.unavailable for status in found):
        raise SystemExit(UNREACHABLE)


def _lines(status: ModelStatus) -> Iterator[str]:
    facts = status.facts
    yield f"{shown(facts.model)}: stage {status.stage:d} of 4, {status.stage.name.lower()}"
    line = current_invocation()
    servers = {f"on {state.backend}": line.suggest_within(state.text, facts.model) for state in facts.servers}
    rows = status.evidence() | servers
    yield from (shown(f"  {name:<10}{text}") for name, text in rows.items() if text)
    yield click.style(shown(f"  {'next':<10}{line.suggest(status.next.command)}", LONGEST_STEP), bold=True)
    yield shown(f"  {'':<10}{line.suggest_within(status.next.why, facts.model)}")
