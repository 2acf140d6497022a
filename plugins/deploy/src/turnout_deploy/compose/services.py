"""The services of the compose file."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from turnout_deploy.dockerfile import CONFIG, HOME, command_words
from turnout_deploy.plan import APP_PORT, TOKEN, TRITON, TRITON_HTTP, TRITON_IMAGE, USER, Plan

Service = dict[str, Any]

PROMETHEUS_IMAGE, GRAFANA_IMAGE = "prom/prometheus:v3.5.0", "grafana/grafana:11.6.0"
SECRET, PASSWORD = "turnout_serve_token", "grafana_admin_password"  # the names of secrets
DASHBOARDS = "/var/lib/turnout-dashboards"
_NOBODY, _GRAFANA, _TRITON_USER = 65534, 472, 1000
_HEALTH = (
    "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/health/live', timeout=2)"  # raises, so that the check fails
)


def app(plan: Plan, folder: str, docker: str) -> Service:
    """Return the service of the app.

    Args:
        plan: the plan.
        folder: the folder of turnout.yaml, from the compose file.
        docker: the Dockerfile, from the folder of turnout.yaml.
    """
    # A secret is a file; the variable exists in the process alone, where 'docker inspect' does not show it.
    # Two dollars: compose reads one as the beginning of a variable.
    start = f'{TOKEN}="$$(cat /run/secrets/{SECRET})" exec turnout {" ".join(command_words())}'
    return {
        "image": plan.image,
        "build": {"context": folder, "dockerfile": docker, "target": "app"},
        "entrypoint": ["sh", "-c", start],
        "command": [],
        "environment": environment(plan),
        "ports": [f"127.0.0.1:{APP_PORT}:{APP_PORT}"],
        "secrets": [SECRET],
        "volumes": [_mount(f"{folder}/{plan.needs.file_name}", CONFIG)],
        "tmpfs": ["/tmp", f"{HOME}/.turnout:uid={USER},gid={USER}"],  # noqa: S108  # of the container
        "healthcheck": _health(["CMD", "python", "-c", _HEALTH.format(port=APP_PORT)]),
        "stop_grace_period": "30s",
        "networks": ["front", "back"],
        **_locked(USER, "2g", "2"),
    }


def environment(plan: Plan) -> dict[str, str]:
    """Return the variables of the app; what has no value here comes from the environment of docker compose."""
    servers = plan.server_urls([TRITON])
    variables: dict[str, str] = {}
    for one in plan.needs.variables:
        if one.name in servers:
            variables[one.name] = servers[one.name]
        elif one.name in plan.values:
            variables[one.name] = plan.values[one.name].replace("$", "$$")
        elif one.name in plan.backend_variables and plan.has_servers:
            variables[one.name] = f"${{{one.name}:-{TRITON}}}"
        elif one.default is None:
            variables[one.name] = f"${{{one.name}:?set it, or write it into .env}}"
        else:
            variables[one.name] = f"${{{one.name}:-}}"
    return variables


def triton(plan: Plan, folder: str) -> Service:
    """Return the service of Triton, which only the app reaches."""
    return {
        "image": TRITON_IMAGE,
        "command": ["tritonserver", "--model-repository=/models"],
        "environment": {"HOME": "/tmp"},  # noqa: S108  # of the container
        "volumes": [_mount(f"{folder}/{plan.repository}", "/models")],
        "tmpfs": ["/tmp"],  # noqa: S108
        "shm_size": "1gb",
        "healthcheck": _health(["CMD", "curl", "--fail", "--silent", f"http://localhost:{TRITON_HTTP}/v2/health/ready"]),
        "stop_grace_period": "45s",
        "networks": ["back"],
        **_locked(_TRITON_USER, "8g", "4"),
    }


def prometheus(rules: str) -> Service:
    """Return the service of Prometheus, with the rules of the folder ``rules``."""
    return {
        "image": PROMETHEUS_IMAGE,
        "command": ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
        "ports": ["127.0.0.1:9090:9090"],
        "secrets": [SECRET],
        "volumes": [
            _mount("./prometheus.yml", "/etc/prometheus/prometheus.yml"),
            _mount(rules, "/etc/prometheus/rules"),
            {"type": "volume", "source": "prometheus", "target": "/prometheus"},
        ],
        "networks": ["front", "back"],
        **_locked(_NOBODY, "1g", "1"),
    }


def grafana(folder: str) -> Service:
    """Return the service of Grafana, with the dashboards and the provisioning of ``folder``."""
    return {
        "image": GRAFANA_IMAGE,
        "environment": {
            "GF_SECURITY_ADMIN_PASSWORD__FILE": f"/run/secrets/{PASSWORD}",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_PLUGINS_PREINSTALL_DISABLED": "true",
            "PROMETHEUS_URL": "http://prometheus:9090",
            "TURNOUT_DASHBOARDS": DASHBOARDS,
        },
        "ports": ["127.0.0.1:3000:3000"],
        "secrets": [PASSWORD],
        "volumes": [
            _mount(str(PurePosixPath(folder) / "provisioning"), "/etc/grafana/provisioning"),
            _mount(str(PurePosixPath(folder) / "dashboards"), DASHBOARDS),
            {"type": "volume", "source": "grafana", "target": "/var/lib/grafana"},
        ],
        "tmpfs": ["/tmp"],  # noqa: S108
        "depends_on": {"prometheus": {"condition": "service_started"}},
        "networks": ["front"],
        **_locked(_GRAFANA, "512m", "1"),
    }


def _mount(source: str, target: str) -> dict[str, Any]:
    return {
        "type": "bind",
        "source": _relative(source),
        "target": target,
        "read_only": True,
        "bind": {"create_host_path": False},
    }


def _relative(path: str) -> str:
    """Return ``path`` as compose knows a path: one without a dot in front is the name of a volume."""
    return path if path.startswith((".", "/")) else f"./{path}"


def _health(test: list[str]) -> dict[str, Any]:
    return {"test": test, "interval": "10s", "timeout": "3s", "retries": 3, "start_period": "180s"}


def _locked(user: int, memory: str, cpus: str) -> dict[str, Any]:
    """Return the keys by which a container is no root, writes nothing into its image, and has limits."""
    return {
        "user": f"{user}:{user}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "deploy": {"resources": {"limits": {"memory": memory, "cpus": cpus}}},
        "restart": "unless-stopped",
    }
