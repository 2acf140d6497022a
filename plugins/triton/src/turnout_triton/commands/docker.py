"""``turnout triton docker``: a model repository in NVIDIA's container."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from turnout_triton.commands.next_command import next_command
from turnout_triton.commands.shared_options import PORT, model_option, repository_option


@click.command(
    "docker",
    short_help="Print the docker command, or a compose file, for NVIDIA's image.",
    epilog="\b\nExamples:\n  turnout triton docker\n  turnout triton docker --gpus all --compose > compose.yaml",
)
@repository_option
@model_option
@click.option("--compose", is_flag=True, help="Print a compose file instead of the command.")
@click.option("--tag", help="The image's tag; an image with 'py3' has the backends onnxruntime, pytorch and python.")
@click.option("--gpus", default="", help="all, a number, or device=0,1. Default: none, everything on the CPU.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address of this machine to publish the ports on.")
@click.option("--http-port", default=8000, show_default=True, type=PORT)
@click.option("--grpc-port", default=8001, show_default=True, type=PORT)
@click.option("--metrics-port", default=8002, show_default=True, type=PORT)
@click.option(
    "--shared-memory", is_flag=True, help="Let clients of this machine send tensors through shared memory: --ipc host."
)
def docker(  # noqa: PLR0913  # click's options
    *,
    repository: Path,
    models: tuple[str, ...],
    compose: bool,
    tag: str | None,
    gpus: str,
    host: str,
    http_port: int,
    grpc_port: int,
    metrics_port: int,
    shared_memory: bool,
) -> None:
    """Print the command, or a compose file, that serves the model repository in NVIDIA's container.

    It starts nothing and downloads nothing.
    """
    from turnout_triton.server.container import TAG, Container
    from turnout_triton.server.ports import Ports
    from turnout_triton.server.servable_models import read_repository, select_models

    chosen = select_models(read_repository(repository), models, repository)
    ports = Ports(http_port, grpc_port, metrics_port)
    container = Container(repository.absolute(), models, host, ports, tag or TAG, gpus, shared_memory)
    click.echo(container.compose_file() if compose else shlex.join(container.docker_command()), nl=not compose)
    for model in chosen:
        if "transformers" in model.needs:
            click.echo(
                f"model {model.name!r} hosts generate() in Python: build an image on {container.tag} with "
                "'pip install torch transformers'",
                err=True,
            )
    click.echo(f"next: {next_command(f'{host}:{grpc_port}')}", err=True)
