"""``turnout triton serve``: a real Triton on this machine, without docker."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from turnout_triton.commands.options import FOLDER, PORT, model_option, repository_option

if TYPE_CHECKING:
    from turnout_triton.server import LocalServer, ServerOptions


Command = TypeVar("Command", bound=Callable[..., Any])


def _finite(_: click.Context, __: click.Parameter, seconds: float) -> float:
    if not math.isfinite(seconds):
        raise click.BadParameter(f"{seconds} is no finite number of seconds")
    return seconds


def _seconds_option(name: str, *, default: float, least: float, told: str) -> Callable[[Command], Command]:
    kind = click.FloatRange(min=least)
    return click.option(name, default=default, show_default=True, type=kind, callback=_finite, help=told)


@click.command(
    "serve", context_settings={"ignore_unknown_options": False}, short_help="Start a real Triton here, without docker."
)
@repository_option
@model_option
@click.option("--binary", type=FOLDER, help="A tritonserver of yours. Default: the one on PATH, else the one from PyPI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--http-port", type=PORT, help="Default: 8000, or a free one where 8000 to 8002 are taken.")
@click.option("--grpc-port", type=PORT, help="Default: 8001, or a free one.")
@click.option("--metrics-port", type=PORT, help="Default: 8002, or a free one.")
@click.option(
    "--environment", type=FOLDER, envvar="TURNOUT_TRITON_ENVIRONMENT", help="Where Triton from PyPI is, or is installed."
)
@click.option("--torch-index", metavar="URL", help="Index to install torch from, such as that of its CPU builds.")
@_seconds_option("--ready-timeout", default=300.0, least=1, told="Seconds for loading.")
@_seconds_option("--grace", default=5.0, least=0, told="Seconds for requests in flight at the end.")
@click.option("--argument", "arguments", multiple=True, metavar="ARG", help="One more argument for tritonserver.")
@click.option("--quiet", is_flag=True, help="Keep the server's log to yourself; its last lines are shown if it dies.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def serve(context: click.Context, /, *, repository: Path, command: tuple[str, ...], quiet: bool, **given: Any) -> None:
    """Start a real Triton server for a model repository, and wait until every model has answered once.

    It runs until Ctrl-C. With COMMAND behind --, it runs as long as that command, which finds TRITON_URL, TRITON_HTTP_URL and
    INFERENCE_BACKEND=triton in its environment; the exit code is the command's.

    Without --binary and without a tritonserver on PATH, Triton 2.51 is installed from PyPI at the first time, into a folder of
    its own: for development, tests and CI, on loopback only, since it predates the security fixes of August 2025.

    Exit: 0 ended on request, 2 usage, repository or model, 3 the server died or was never ready.
    """
    from turnout_triton.server import LocalServer

    log = None if quiet else _to_stderr
    with _ended_by_signals(), LocalServer(repository, _options(**given), log=log, tell=_to_stderr) as server:
        if command:
            from turnout_triton.server.companion import run_beside

            _to_stderr(f"ready: grpc {server.grpc_url}, http {server.http_url}, metrics {server.metrics_url}")
            context.exit(run_beside(server, command, _to_stderr))  # stdout is the command's
        _announce(server)
        raise server.wait_for_death()


def _options(*, http_port: int | None, grpc_port: int | None, metrics_port: int | None, **given: Any) -> ServerOptions:
    from turnout_triton.server import Ports, ServerOptions
    from turnout_triton.server.ports import TRITONS_OWN

    asked = Ports(http_port or 0, grpc_port or 0, metrics_port or 0)
    return ServerOptions(
        models=given["models"],
        host=given["host"],
        ports=TRITONS_OWN if asked == Ports() else asked,  # which clients try by default
        other_ports=Ports() if asked == Ports() else None,
        binary=given["binary"],
        environment=given["environment"],
        torch_index=given["torch_index"],
        arguments=given["arguments"],
        ready_timeout_seconds=given["ready_timeout"],
        grace_seconds=given["grace"],
    )


def _announce(server: LocalServer) -> None:
    # The addresses come last: a script that has read them may end the server, and the log is complete by then.
    _to_stderr(
        f"ready; next: TRITON_URL={server.grpc_url} INFERENCE_BACKEND=triton turnout check --deep; Ctrl-C ends the server"
    )
    click.echo(f"grpc     {server.grpc_url}\nhttp     {server.http_url}\nmetrics  {server.metrics_url}")


def _to_stderr(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the server as Ctrl-C does: in good order, with exit code 0."""
    kept = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        _to_stderr("ended")
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)
