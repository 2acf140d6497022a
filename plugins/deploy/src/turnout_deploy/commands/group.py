"""``turnout deploy``: the files that run an app elsewhere."""

from __future__ import annotations

import click

from turnout_deploy.commands.compose import compose
from turnout_deploy.commands.kserve import kserve
from turnout_deploy.commands.kubernetes import kubernetes


@click.group("deploy", short_help="Write the files that run the app elsewhere.")
def deploy() -> None:
    """Write the files that run the app of a turnout.yaml elsewhere: docker compose, Kubernetes, KServe.

    Nothing is started, and no secret is written.
    """


deploy.add_command(compose)
deploy.add_command(kubernetes)
deploy.add_command(kserve)
