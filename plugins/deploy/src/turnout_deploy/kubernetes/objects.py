"""The parts that the manifests share: labels, selectors, security contexts, probes."""

from __future__ import annotations

from typing import Any

from turnout_deploy.plan import Plan

Object = dict[str, Any]

APP, SERVER = "app", "triton"


def labels(plan: Plan, component: str) -> dict[str, str]:
    """Return the labels by which a component of the app is selected."""
    return {"app.kubernetes.io/name": plan.name, "app.kubernetes.io/component": component}


def resource(api: str, kind: str, name: str, plan: Plan, component: str) -> Object:
    """Return the head of a resource."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": labels(plan, component)}}


def selector(plan: Plan, component: str) -> Object:
    """Return the selector of the pods of a component."""
    return {"matchLabels": labels(plan, component)}


def server_name(plan: Plan) -> str:
    """Return the name of the Triton servers and of their service."""
    return f"{plan.name}-triton"


def server_hosts(plan: Plan) -> list[str]:
    """Return the names of the servers in DNS, which stay the same when a server is replaced."""
    name = server_name(plan)
    return [f"{name}-{number}.{name}" for number in range(plan.servers)]


def pod_security(user: int) -> Object:
    """Return the security context of a pod that runs as ``user``, by the restricted pod security standard."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Object:
    """Return the security context of every container."""
    return {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def http_probe(path: str, port: str, period: int, failures: int) -> Object:
    """Return a probe that calls ``path`` each ``period`` seconds."""
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def spread(plan: Plan, component: str) -> list[Object]:
    """Return the constraint that spreads the pods of a component over nodes, where there are several."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": selector(plan, component),
        }
    ]
