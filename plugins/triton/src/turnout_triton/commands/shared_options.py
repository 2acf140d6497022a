"""The options of several commands."""

from __future__ import annotations

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path)
PORT = click.IntRange(1, 65535)

repository_option = click.option(
    "--repository", default=Path("model_repository"), show_default=True, type=FOLDER, help="The model repository to serve."
)
# Without click's envvar: default_folder() reads the variable, and expands "~".
environment_option = click.option(
    "--environment",
    type=FOLDER,
    help="The folder to install Triton from PyPI into. Default: $TURNOUT_TRITON_ENVIRONMENT, or a folder in the user's cache.",
)
torch_index_option = click.option(
    "--torch-index", metavar="URL", help="Index to install torch from, such as that of its CPU builds."
)
model_option = click.option("--model", "models", multiple=True, metavar="NAME", help="Serve only this model; may be repeated.")
