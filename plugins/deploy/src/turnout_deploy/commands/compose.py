"""``turnout deploy compose``: the app and its monitoring on one machine."""

from __future__ import annotations

from pathlib import Path

import click

from turnout_deploy.commands.shared_options import (
    FOLDER,
    finish,
    make_plan,
    repository_option,
    settings_options,
    writing_options,
)


@click.command(
    "compose",
    short_help="Write a compose file: the app, Triton, Prometheus, Grafana.",
    epilog="\b\nExamples:\n  turnout deploy compose\n  turnout deploy compose --set INFERENCE_BACKEND=onnxruntime",
)
@settings_options("deploy/compose")
@click.option("--image", default="turnout:1", show_default=True, help="The image of the app, with its tag.")
@click.option(
    "--monitoring",
    type=FOLDER,
    help="Mount the folders grafana and prometheus of this folder. Default: Turnout's own are written beside the compose file.",
)
@repository_option
@writing_options
def compose(  # noqa: PLR0913  # click's options
    *,
    out: Path,
    config: Path,
    name: str,
    image: str,
    monitoring: Path | None,
    repository: str,
    values: tuple[str, ...],
    force: bool,
    check: bool,
) -> None:
    """Write a compose file for the app of a turnout.yaml, with Triton where a model may use it, Prometheus and Grafana.

    Every port is open on this machine only. The token and Grafana's password are files that you make; the first lines of the
    compose file say how.
    """
    from turnout_deploy.compose.layout import compose_files

    plan = make_plan(config, name, values, repository, image=image)
    finish(out, compose_files(plan, out, monitoring), force=force, check=check)
