"""The Triton servers: a stateful set, and the headless service that gives each of them a name."""

from __future__ import annotations

from turnout_deploy.kubernetes.objects import (
    SERVER,
    Object,
    container_security,
    http_probe,
    labels,
    pod_security,
    resource,
    selector,
    server_name,
    spread,
)
from turnout_deploy.plan import TRITON_GRPC, TRITON_HTTP, TRITON_IMAGE, TRITON_METRICS, Plan

USER = 1000
"""The user that NVIDIA's image has for the server."""

_MODELS = "/models"


def stateful_set(plan: Plan) -> Object:
    """Return the servers. Each has a copy of the model repository, which comes from an image of its own."""
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # Triton finishes requests in flight for 30 s.
        "terminationGracePeriodSeconds": 45,
        "securityContext": pod_security(USER),
        "topologySpreadConstraints": spread(plan, SERVER),
        "initContainers": [_copy(plan)],
        "containers": [_server()],
        "volumes": [
            {"name": "models", "emptyDir": {"sizeLimit": "20Gi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}},
            # For the stubs of the python backend.
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        ],
    }
    return resource("apps/v1", "StatefulSet", server_name(plan), plan, SERVER) | {
        "spec": {
            "serviceName": server_name(plan),
            "replicas": plan.servers,
            "podManagementPolicy": "Parallel",
            "revisionHistoryLimit": 5,
            "selector": selector(plan, SERVER),
            "template": {"metadata": {"labels": labels(plan, SERVER)}, "spec": pod},
        }
    }


def headless_service(plan: Plan) -> Object:
    """Return the service without an address of its own: a name in DNS for each server."""
    ports = [
        {"name": "http", "port": TRITON_HTTP, "targetPort": "http", "appProtocol": "http"},
        {"name": "grpc", "port": TRITON_GRPC, "targetPort": "grpc", "appProtocol": "kubernetes.io/h2c"},
        {"name": "metrics", "port": TRITON_METRICS, "targetPort": "metrics", "appProtocol": "http"},
    ]
    return resource("v1", "Service", server_name(plan), plan, SERVER) | {
        # A server has its name before it is ready, so that the client's own check decides when it gets requests.
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": labels(plan, SERVER), "ports": ports}
    }


def _copy(plan: Plan) -> Object:
    return {
        "name": "models",
        "image": plan.models_image,
        "command": ["cp", "-R", f"{_MODELS}/.", "/repository"],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": container_security(),
        "volumeMounts": [{"name": "models", "mountPath": "/repository"}],
    }


def _server() -> Object:
    ports = {"http": TRITON_HTTP, "grpc": TRITON_GRPC, "metrics": TRITON_METRICS}
    return {
        "name": SERVER,
        "image": TRITON_IMAGE,
        "args": ["tritonserver", f"--model-repository={_MODELS}"],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108  # a volume of the pod
        "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
        "startupProbe": http_probe("/v2/health/ready", "http", 5, 120),
        "livenessProbe": http_probe("/v2/health/live", "http", 10, 6),
        "readinessProbe": http_probe("/v2/health/ready", "http", 5, 2),
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "models", "mountPath": _MODELS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
        ],
    }
