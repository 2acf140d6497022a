"""``turnout serve``: the models and pipelines of a turnout.yaml over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from turnout.command_options import settings_file_option
from turnout.errors import count_of
from turnout_web.commands.limit_options import limit_options
from turnout_web.commands.variable_option import VariableOption
from turnout_web.loopback import is_loopback
from turnout_web.settings import ServeSettings

if TYPE_CHECKING:
    from turnout_web.server.announcement import Served

_DEFAULTS = ServeSettings()
_LEAST_TOKEN = 16
_FILE = click.Path(path_type=Path)


def _check_token(_: click.Context, __: click.Parameter, token: str | None) -> str | None:
    # The message must not have the token.
    if token is not None and not (token.isascii() and token.isprintable() and token and " " not in token):
        raise click.BadParameter("a token has printable ASCII characters without spaces, one at least")
    return token


def _check_origins(_: click.Context, __: click.Parameter, origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        scheme, _separator, host = origin.partition("://")
        if origin != "*" and (scheme not in ("http", "https") or not host or "/" in host):
            raise click.BadParameter(f"{origin!r} is no origin; write it as https://example.org, without a path, or *")
    return origins


@click.command(
    "serve",
    short_help="Serve the models and pipelines over HTTP, with a page.",
    epilog="\b\nExamples:\n  turnout serve\n  turnout serve model.onnx\n  turnout serve --host 0.0.0.0 --workers 2",
)
@click.argument("source", required=False, type=_FILE)
@settings_file_option("The settings file; written if SOURCE is a model and there is none.")
@click.option(
    "--host",
    default=_DEFAULTS.host,
    show_default=True,
    cls=VariableOption,
    envvar="TURNOUT_SERVE_HOST",
    help="The address to listen on.",
)
@click.option(
    "--port",
    "-p",
    default=_DEFAULTS.port,
    show_default=True,
    cls=VariableOption,
    envvar="TURNOUT_SERVE_PORT",
    type=click.IntRange(0, 65535),
    help="The port; 0 takes a free one.",
)
@click.option(
    "--token",
    cls=VariableOption,
    envvar="TURNOUT_SERVE_TOKEN",
    callback=_check_token,
    help="The bearer token that requests must carry; better in TURNOUT_SERVE_TOKEN, since other users see command lines.",
)
@click.option("--without-token", is_flag=True, help="Listen on a public address without a token.")
@click.option(
    "--workers",
    "-w",
    default=_DEFAULTS.workers,
    show_default=True,
    cls=VariableOption,
    envvar="TURNOUT_SERVE_WORKERS",
    type=click.IntRange(1, 256),
    help="Processes that answer, each with models of its own.",
)
@click.option(
    "--allow-origin",
    "allow_origins",
    multiple=True,
    callback=_check_origins,
    help="A web page of this origin may ask; may be repeated. Default: only the page of the server itself.",
)
@click.option(
    "--allow-host", "allow_hosts", multiple=True, help="Another name of this server, if it has no token; may be repeated."
)
@limit_options
@click.option("--no-watch", is_flag=True, help="Do not follow changes of the settings file.")
@click.pass_context
def serve(
    context: click.Context, /, *, source: Path | None, config: Path, without_token: bool, no_watch: bool, **given: Any
) -> None:
    """Serve the models and pipelines of a turnout.yaml: REST, KServe v2, metrics, health, and a page to try them.

    SOURCE is a turnout.yaml, or a model: a model file, a checkpoint folder or a model repository. The
    first start writes a turnout.yaml for a model, later ones use it.

    Exit: 0 ended on request, 1 work was left behind, 2 usage or settings, 3 a backend is unreachable.
    """
    from turnout.commands.check import find_missing_files
    from turnout_web.commands.first_run import find_config
    from turnout_web.server.run import run_server

    settings = ServeSettings(**given)
    _check_public(settings, without_token=without_token)
    first = find_config(source, config, named=_is_named(context), say=_say)

    def announce(url: str, served: Served, settings: ServeSettings) -> None:
        first.confirm()
        for line in find_missing_files(first.file):
            _say(f"warning: {line}")
        _announce(url, served, settings)

    with first:
        run_server(first.file, settings, watch=not no_watch, announce=announce)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _is_named(context: click.Context) -> bool:
    """Return whether the user has named the settings file."""
    return context.get_parameter_source("config") is not click.core.ParameterSource.DEFAULT


def _check_public(settings: ServeSettings, *, without_token: bool) -> None:
    if without_token or is_loopback(settings.host):
        return
    if settings.token is not None:
        _check_length(settings.token, settings.host)
        return
    raise click.UsageError(
        f"--host {settings.host} is reached from other machines, and without a token everybody there may use the models; set "
        "TURNOUT_SERVE_TOKEN, or add --without-token"
    )


def _check_length(token: str, host: str) -> None:
    if len(token) < _LEAST_TOKEN:
        raise click.UsageError(
            f"--host {host} is reached from other machines, and a token of {count_of(len(token), 'character')} can be guessed; "
            f"give one of {_LEAST_TOKEN} at least: "
            'export TURNOUT_SERVE_TOKEN=$(python -c "import secrets; print(secrets.token_urlsafe())")'
        )


def _announce(url: str, served: Served, settings: ServeSettings) -> None:
    token = ' -H "Authorization: Bearer $TURNOUT_SERVE_TOKEN"' if settings.token is not None else ""
    example = {} if served.example is None else {"example": f"curl -s{token} {url}{served.example}"}
    rows: Mapping[str, str] = {
        "page": f"{url}/",
        "models": ", ".join(served.models) or "none",
        "pipelines": ", ".join(served.pipelines) or "none",
        **example,
    }
    for name, value in rows.items():
        click.echo(f"{name:<10} {value}")
    _say("ready; Ctrl-C ends the server")
