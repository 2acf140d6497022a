"""The app: deployment, service, service account, disruption budget."""

from __future__ import annotations

from turnout_deploy.dockerfile import CONFIG, HOME, command_words
from turnout_deploy.kubernetes.objects import (
    APP,
    Object,
    container_security,
    http_probe,
    labels,
    pod_security,
    resource,
    selector,
    server_hosts,
    spread,
)
from turnout_deploy.plan import APP_PORT, TOKEN, USER, Plan

_DRAIN_SECONDS = 5
"""The time in which the end of a pod reaches every balancer, before it refuses requests."""


def deployment(plan: Plan) -> Object:
    """Return the deployment of the app."""
    pod = {
        "serviceAccountName": plan.name,
        "automountServiceAccountToken": False,
        # Kubernetes would set TURNOUT_PORT and more for a service called turnout, of which the app would warn.
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _DRAIN_SECONDS + 25,
        "securityContext": pod_security(USER),
        "topologySpreadConstraints": spread(plan, APP),
        "containers": [_container(plan)],
        "volumes": [
            {"name": "config", "configMap": {"name": f"{plan.name}-config"}},
            # The evidence of a shadow, and what workers count: both end with the pod.
            {"name": "state", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
    }
    return resource("apps/v1", "Deployment", plan.name, plan, APP) | {
        "spec": {
            "replicas": plan.replicas,
            "revisionHistoryLimit": 5,
            "selector": selector(plan, APP),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels(plan, APP)}, "spec": pod},
        }
    }


def service(plan: Plan) -> Object:
    """Return the service of the app."""
    ports = [{"name": "http", "port": 80, "targetPort": "http", "appProtocol": "http"}]
    return resource("v1", "Service", plan.name, plan, APP) | {"spec": {"selector": labels(plan, APP), "ports": ports}}


def service_account(plan: Plan) -> Object:
    """Return the account of the app, which may ask the API server nothing."""
    return resource("v1", "ServiceAccount", plan.name, plan, APP) | {"automountServiceAccountToken": False}


def disruption_budget(plan: Plan, name: str, component: str) -> Object:
    """Return the budget by which a drained node takes one pod of a component at a time."""
    return resource("policy/v1", "PodDisruptionBudget", name, plan, component) | {
        "spec": {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": selector(plan, component)}
    }


def environment(plan: Plan) -> list[Object]:
    """Return the variables of the app's container; a value that may be a secret comes from the secret of the app's name."""
    servers = plan.server_urls(server_hosts(plan))
    written = dict(plan.values) | servers
    # Kubernetes reads $(NAME) as another variable of the container.
    entries: list[Object] = [{"name": name, "value": value.replace("$(", "$$(")} for name, value in sorted(written.items())]
    entries.append(_from_secret(plan, TOKEN, optional=False))
    others = [one for one in plan.needs.variables if one.name not in written and (one.secret or one.default is None)]
    return entries + [_from_secret(plan, one.name, optional=one.default is not None) for one in others]


def _from_secret(plan: Plan, name: str, *, optional: bool) -> Object:
    reference = {"name": plan.name, "key": name} | ({"optional": True} if optional else {})
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


def _container(plan: Plan) -> Object:
    return {
        "name": APP,
        "image": plan.image,
        "args": command_words(),
        "env": environment(plan),
        "ports": [{"name": "http", "containerPort": APP_PORT}],
        "startupProbe": http_probe("/health/live", "http", 2, 90),
        "livenessProbe": http_probe("/health/live", "http", 10, 6),
        "readinessProbe": http_probe("/health/ready", "http", 5, 2),
        "lifecycle": {"preStop": {"sleep": {"seconds": _DRAIN_SECONDS}}},
        "resources": {
            "requests": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "256Mi"},
            "limits": {"memory": "2Gi", "ephemeral-storage": "3Gi"},
        },
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG, "subPath": "turnout.yaml", "readOnly": True},
            {"name": "state", "mountPath": f"{HOME}/.turnout"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # a volume of the pod
        ],
    }
