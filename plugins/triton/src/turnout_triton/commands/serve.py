"""``turnout triton serve``: a real Triton on this machine, without docker."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import click

from turnout.command_options import FiniteNumber
from turnout_triton.commands.next_command import next_command
from turnout_triton.commands.shared_options import (
    FOLDER,
    PORT,
    environment_option,
    model_option,
    repository_option,
    torch_index_option,
)

if TYPE_CHECKING:
    from turnout_triton.server import LocalServer, ServerOptions


Command = TypeVar("Command", bound=Callable[..., Any])


def _seconds_option(name: str, *, default: float, least: float, text: str) -> Callable[[Command], Command]:
    return click.option(name, default=default, show_default=True, type=FiniteNumber("seconds", least), help=text)


@click.command(
    "serve",
    short_help="Start a real Triton here, without docker.",
    epilog="\b\nExamples:\n  turnout triton serve\n  turnout triton serve --model birefnet -- turnout check --deep",
)
@repository_option
@model_option
@click.option(
    "--trust",
    multiple=True,
    metavar="MODEL",
    help="Serve this model though it is code that turnout export did not write here; may be repeated.",
)
@click.option("--binary", type=FOLDER, help="A tritonserver of your own. Default: the one on PATH, or the one from PyPI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--http-port", type=PORT, help="Default: 8000, or a free port if one of 8000 to 8002 is in use.")
@click.option("--grpc-port", type=PORT, help="Default: 8001, or a free port.")
@click.option("--metrics-port", type=PORT, help="Default: 8002, or a free port.")
@click.option("--cpu", is_flag=True, help="Serve models whose configs need a GPU on the CPU, for a try; changes no file.")
@environment_option
@torch_index_option
@_seconds_option("--ready-timeout", default=300.0, least=1, text="Limit in seconds for loading the models.")
@_seconds_option("--grace", default=5.0, least=0, text="Limit in seconds for requests in flight at the end.")
@click.option(
    "--argument", "arguments", multiple=True, metavar="ARG", help="Another argument for tritonserver; may be repeated."
)
@click.option("--quiet", is_flag=True, help="Do not print the server's log; its last lines are printed if it dies.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def serve(context: click.Context, /, *, repository: Path, command: tuple[str, ...], quiet: bool, **given: Any) -> None:
    """Start a real Triton server for a model repository, and wait until every model has answered once.

    It runs until Ctrl-C. With COMMAND after --, it runs as long as that command, which has TRITON_URL, TRITON_HTTP_URL,
    TRITON_METRICS_URL and INFERENCE_BACKEND=triton in its environment; the exit code is the command's.

    Without --binary and without a tritonserver on PATH, Triton 2.51 is installed from PyPI the first time, into a folder of its
    own: for development, tests and CI, on loopback only, because it predates the security fixes of August 2025.

    Exit: 0 stopped on request, 2 usage, repository or model, 3 the server died or was never ready.
    """
    from turnout_triton.server import LocalServer

    if command and Path(command[0]).is_dir():
        raise click.UsageError(
            f"{command[0]!r} is a folder, not a command; to serve it: --repository {shlex.quote(command[0])}"
        )
    log = None if quiet else _to_stderr
    signals = _StopSignals()
    with signals, LocalServer(repository, _options(**given), log=log, report=_to_stderr) as server:
        if command:
            from turnout_triton.server.child_command import run_command

            _to_stderr(f"ready: grpc {server.grpc_url}, http {server.http_url}, metrics {server.metrics_url}")
            context.exit(run_command(server, command, _to_stderr))  # stdout is the command's
        signals.stop_gracefully()
        _announce(server)
        raise server.wait_for_death()


def _options(*, http_port: int | None, grpc_port: int | None, metrics_port: int | None, **given: Any) -> ServerOptions:
    from turnout_triton.server import Ports, ServerOptions
    from turnout_triton.server.ports import DEFAULT_PORTS

    requested = Ports(http_port or 0, grpc_port or 0, metrics_port or 0)
    return ServerOptions(
        models=given["models"],
        host=given["host"],
        ports=DEFAULT_PORTS if requested == Ports() else requested,  # the ports that clients use by default
        other_ports=Ports() if requested == Ports() else None,
        binary=given["binary"],
        environment=given["environment"],
        cpu=given["cpu"],
        trust=given["trust"],
        torch_index=given["torch_index"],
        arguments=given["arguments"],
        ready_timeout_seconds=given["ready_timeout"],
        grace_seconds=given["grace"],
    )


def _announce(server: LocalServer) -> None:
    # The addresses come last: a script that has read them may stop the server, and the log is complete by then.
    _to_stderr(f"ready; next: {next_command(server.grpc_url)}; Ctrl-C stops the server")
    click.echo(f"grpc     {server.grpc_url}\nhttp     {server.http_url}\nmetrics  {server.metrics_url}")


def _to_stderr(line: str) -> None:
    click.echo(line, err=True)


class _StopSignals:
    """Signals to a server that is ready: each stops it gracefully, with exit code 0. Before that they are an interruption."""

    def __init__(self) -> None:
        self._previous: dict[signal.Signals, Any] = {}

    def stop_gracefully(self) -> None:
        """Stop the server at the next signal, with as much time as it was given."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, _stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is SystemExit and self._previous:
            _to_stderr("stopped")
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def _stop(*_: object) -> NoReturn:
    raise SystemExit(0)
