"""``turnout triton install``: the installation of Triton before ``turnout triton serve`` needs it."""

from __future__ import annotations

from pathlib import Path

import click

from turnout_triton.commands.shared_options import environment_option, torch_index_option


@click.command(
    "install",
    short_help="Install Triton from PyPI before it is needed.",
    epilog="\b\nExamples:\n  turnout triton install\n  turnout triton install --for onnxruntime --for torch",
)
@click.option(
    "--for",
    "parts",
    multiple=True,
    type=click.Choice(("onnxruntime", "torch", "transformers")),
    help="Also install this runtime.",
)
@environment_option
@torch_index_option
def install(parts: tuple[str, ...], environment: Path | None, torch_index: str | None) -> None:
    """Install Triton from PyPI into its private environment now, with the runtimes that your models need.

    'turnout triton serve' does this at its first use. Do it earlier if that is too late: in an image, in CI.
    """
    from turnout_triton.server.private_environment import PrivateEnvironment, default_folder

    private = PrivateEnvironment(environment or default_folder(), lambda line: click.echo(line, err=True), torch_index)
    private.ensure(parts)
    click.echo(private.folder)
