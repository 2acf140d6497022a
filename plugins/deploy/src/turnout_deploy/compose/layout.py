"""The files of a deployment by docker compose."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from turnout_deploy import monitoring
from turnout_deploy.compose import services
from turnout_deploy.dockerfile import dockerfile, ignore_file
from turnout_deploy.files import MARK, Deployment
from turnout_deploy.plan import APP_PORT, TRITON, TRITON_METRICS, Plan
from turnout_deploy.yaml_text import yaml_text

_HEAD = f"# Written by '{MARK} compose'."
_COMPOSE = """\
# Checked against the schema of the compose specification; no container has run it yet.
# Before the first start, in this folder:
#   mkdir -m 700 secrets
#   openssl rand -hex 32 > secrets/{secret} && openssl rand -hex 16 > secrets/{password} && chmod 644 secrets/*
#   docker compose up --build
# The page is at http://localhost:{port}, Grafana at http://localhost:3000 (user admin), Prometheus at http://localhost:9090.
"""


def compose_files(plan: Plan, out: Path, monitoring_folder: Path | None) -> Deployment:
    """Return the files for the folder ``out``.

    Args:
        plan: the plan.
        out: the folder of the compose file.
        monitoring_folder: a folder with Turnout's ``grafana`` and ``prometheus`` to mount; None writes them into ``out``.
    """
    folder = _from(out, plan.needs.folder)
    docker = os.path.relpath(out / "Dockerfile", plan.needs.folder)
    mounted = _from(out, monitoring_folder) if monitoring_folder is not None else "."
    files = {
        "compose.yaml": f"{_HEAD}\n{_notice()}{yaml_text(_compose(plan, folder, docker, mounted))}",
        "Dockerfile": dockerfile(plan, docker),
        "Dockerfile.dockerignore": ignore_file(plan),
        "prometheus.yml": f"{_HEAD} The dashboards and the alerts know the names of the jobs.\n{yaml_text(_scrape(plan))}",
        ".gitignore": f"{_HEAD}\nsecrets/\n.env\n",
    }
    copies = _monitoring_copies() if monitoring_folder is None else {}
    note = (
        f"{TRITON} serves the models; {'='.join((plan.backend_variables[0], '...'))} docker compose up chooses another backend"
    )
    notes = (note,) if plan.has_servers and plan.backend_variables else ()
    return Deployment(
        files, copies, notes, f"docker compose -f {out / 'compose.yaml'} up --build    # after the secrets in its first lines"
    )


def _notice() -> str:
    return _COMPOSE.format(secret=services.SECRET, password=services.PASSWORD, port=APP_PORT)


def _compose(plan: Plan, folder: str, docker: str, mounted: str) -> dict[str, Any]:
    app = services.app(plan, folder, docker)
    found: dict[str, Any] = {"app": app}
    if plan.has_servers:
        found[TRITON] = services.triton(plan, folder)
    if plan.needs_servers:
        app["depends_on"] = {TRITON: {"condition": "service_healthy"}}
    found |= {"prometheus": services.prometheus(f"{mounted}/prometheus"), "grafana": services.grafana(f"{mounted}/grafana")}
    secrets = (services.SECRET, services.PASSWORD)
    return {
        "name": plan.name,
        "services": found,
        # Nothing in the network "back" reaches, or is reached from, another machine.
        "networks": {"front": {}, "back": {"internal": True}},
        "volumes": {"prometheus": {}, "grafana": {}},
        "secrets": {name: {"file": f"./secrets/{name}"} for name in secrets},
    }


def _scrape(plan: Plan) -> dict[str, Any]:
    app = {
        "job_name": "turnout",
        "authorization": {"type": "Bearer", "credentials_file": f"/run/secrets/{services.SECRET}"},
        "static_configs": [{"targets": [f"app:{APP_PORT}"]}],
    }
    servers = {"job_name": TRITON, "static_configs": [{"targets": [f"{TRITON}:{TRITON_METRICS}"]}]}
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["rules/*.rules.yml"],
        "scrape_configs": [app, servers] if plan.has_servers else [app],
    }


def _monitoring_copies() -> Mapping[str, bytes]:
    dashboards = {f"grafana/dashboards/{name}": content for name, content in monitoring.dashboards().items()}
    provisioning = {f"grafana/provisioning/{name}": content for name, content in monitoring.provisioning().items()}
    rules = {f"prometheus/{name}": text.encode() for name, text in monitoring.rules().items()}
    return dashboards | provisioning | rules


def _from(out: Path, folder: Path) -> str:
    relative = os.path.relpath(folder, out)
    return relative if relative.startswith(".") else f"./{relative}"
