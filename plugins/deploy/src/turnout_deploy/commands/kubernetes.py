"""``turnout deploy kubernetes``: manifests for a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from turnout_deploy.commands.shared_options import (
    COUNT,
    finish,
    make_plan,
    repository_option,
    settings_options,
    writing_options,
)


@click.command(
    "kubernetes",
    short_help="Write a kustomize base, components and overlays.",
    epilog="\b\nExamples:\n  turnout deploy kubernetes\n  turnout deploy kubernetes --image registry.example.com/app:7",
)
@settings_options("deploy/kubernetes")
@click.option("--image", default="turnout:1", show_default=True, help="The image of the app, with its tag.")
@click.option("--models-image", default="turnout-models:1", show_default=True, help="The image of the model repository.")
@click.option("--replicas", default=2, show_default=True, type=COUNT, help="The pods of the app; the least of the autoscaler.")
@click.option("--triton-replicas", "servers", default=2, show_default=True, type=COUNT, help="The Triton servers.")
@repository_option
@writing_options
def kubernetes(  # noqa: PLR0913  # click's options
    *,
    out: Path,
    config: Path,
    name: str,
    image: str,
    models_image: str,
    replicas: int,
    servers: int,
    repository: str,
    values: tuple[str, ...],
    force: bool,
    check: bool,
) -> None:
    """Write manifests for the app of a turnout.yaml, and for the Triton servers that its models may use.

    A base, components (autoscaling, monitoring, triton, gpu) and overlays that choose them. Nothing is sent to a cluster, and
    no file contains a secret.
    """
    from turnout_deploy.kubernetes.layout import kubernetes_files

    plan = make_plan(
        config, name, values, repository, image=image, models_image=models_image, replicas=replicas, servers=servers
    )
    finish(out, kubernetes_files(plan, out), force=force, check=check)
