"""Options, arguments and output that several commands share, with shell completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from turnout.command_options import DEFAULT_CONFIG, FiniteNumber
from turnout.plugins.known import COMMAND_EXAMPLES

if TYPE_CHECKING:
    from turnout.settings import LoadedSettings

Command = TypeVar("Command", bound=Callable[..., Any])

QUIET = "turnout.quiet"
"""The key of click's ``Context.meta`` that a command, also one of a plugin, sets to True to show no stage."""


REQUESTS_A_SECOND = FiniteNumber("requests a second")


def _set_quiet(context: click.Context, _: click.Parameter, quiet: bool) -> None:  # noqa: FBT001  # click's signature
    context.meta[QUIET] = quiet


quiet_option = click.option(
    "--quiet", "-q", is_flag=True, expose_value=False, callback=_set_quiet, help="Do not show what the command is doing."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _own_name(_: click.Context, __: click.Parameter, given: Any) -> Any:
    """Return the own names of backends for the names that a user typed."""
    from turnout.plugins.discovery import find_plugins

    if not given:
        return given
    plugins = find_plugins()
    return plugins.backend_name(given) if isinstance(given, str) else tuple(plugins.backend_name(name) for name in given)


def _complete(names: Callable[[click.Context], Iterable[str]]) -> Callable[..., list[CompletionItem]]:
    """Return a completion with those of ``names`` that start as typed; with none if the file or a plugin is wrong."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        # A traceback would land in the middle of the line that the user types.
        with suppress(Exception):
            return [CompletionItem(name) for name in names(context) if name.startswith(incomplete)]
        return []

    return complete


def _load(context: click.Context) -> LoadedSettings:
    from turnout.plugins.discovery import find_plugins
    from turnout.settings import load_settings

    return load_settings(Path(context.params.get("config") or DEFAULT_CONFIG), registry=find_plugins())


def _known_formats(_: click.Context) -> list[str]:
    from turnout.plugins.discovery import find_plugins

    return [exporter.format for exporter in find_plugins().exporters()]


def _known_backends(context: click.Context) -> list[str]:
    """Return the backends of the model that was typed before; all installed ones if there is none."""
    from turnout.plugins.discovery import find_plugins

    with suppress(Exception):
        return list(_load(context).model(context.params["model"]).settings.backends)
    return find_plugins().known_backends()


complete_models = _complete(lambda context: _load(context).models)
complete_pipelines = _complete(lambda context: _load(context).settings.pipelines)
complete_subjects = _complete(lambda context: [*_load(context).models, *_load(context).settings.pipelines])
complete_backends = _complete(_known_backends)
complete_formats = _complete(_known_formats)


model_argument = click.argument("model", shell_complete=complete_models)
optional_model_argument = click.argument("model", required=False, shell_complete=complete_models)
backend_argument = click.argument("backend", required=False, callback=_own_name, shell_complete=complete_backends)


def against_option(text: str) -> Callable[[Command], Command]:
    """Return the option ``--against``, with ``text`` as its help."""
    return click.option(
        "--against", multiple=True, metavar="BACKEND", callback=_own_name, shell_complete=complete_backends, help=text
    )


def examples(command: str) -> str:
    """Return the end of the help of ``command``: command lines, as they are typed."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in COMMAND_EXAMPLES[command])])
