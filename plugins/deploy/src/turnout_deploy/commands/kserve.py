"""``turnout deploy kserve``: the model repository on KServe."""

from __future__ import annotations

from pathlib import Path

import click

from turnout_deploy.commands.shared_options import (
    COUNT,
    finish,
    make_plan,
    settings_options,
    writing_options,
)


@click.command(
    "kserve",
    short_help="Write an InferenceService and a ServingRuntime for the repository.",
    epilog="\b\nExamples:\n  turnout deploy kserve --out kserve\n  turnout deploy kserve --storage-uri s3://models/model_repository",
)
@settings_options("deploy/kserve")
@click.option(
    "--storage-uri",
    "storage",
    default="pvc://turnout-models/model_repository",
    show_default=True,
    help="Where KServe finds the model repository: pvc://, s3://, gs://, https:// and others.",
)
@click.option("--triton-replicas", "servers", default=1, show_default=True, type=COUNT, help="The least of Triton servers.")
@writing_options
def kserve(
    *, out: Path, config: Path, name: str, storage: str, servers: int, values: tuple[str, ...], force: bool, check: bool
) -> None:
    """Write manifests by which KServe serves the whole model repository with Triton, for the models of a turnout.yaml."""
    from turnout_deploy.kserve.layout import kserve_files

    plan = make_plan(config, name, values, None, servers=servers)
    finish(out, kserve_files(plan, storage, out), force=force, check=check)
