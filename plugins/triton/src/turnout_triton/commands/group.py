"""``turnout triton``: the commands for a Triton server."""

from __future__ import annotations

import click

from turnout_triton.commands.docker import docker
from turnout_triton.commands.install import install
from turnout_triton.commands.reload import reload
from turnout_triton.commands.serve import serve


@click.group("triton", short_help="Serve a model repository with Triton, here or in NVIDIA's container.")
def triton() -> None:
    """Serve a model repository with a real Triton server: on this machine without docker, or in NVIDIA's container."""


triton.add_command(install)
triton.add_command(serve)
triton.add_command(docker)
triton.add_command(reload)
