"""The files of a deployment by KServe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError
from turnout_deploy.files import MARK, Deployment
from turnout_deploy.kserve.storage import check_storage
from turnout_deploy.plan import TRITON, TRITON_IMAGE, TRITON_METRICS, Plan
from turnout_deploy.yaml_text import yaml_text

_HEAD = f"# Written by '{MARK} kserve'. "
_CHECKED = "Checked against KServe's own schema; no cluster has run it yet.\n"
_HTTP, _GRPC = 8080, 9000
_MODELS = "/mnt/models"
_QUERY = (
    'sum(rate(nv_inference_queue_duration_us{{pod=~"{name}-.*"}}[2m])) / 1e6 '
    '/ (sum(rate(nv_inference_request_success{{pod=~"{name}-.*"}}[2m])) > 0) or vector(0)'
)
"""The mean wait of a request in the queues of the servers, in seconds; 0 without requests."""


def kserve_files(plan: Plan, storage: str, out: Path) -> Deployment:
    """Return the manifests, for the folder ``out``, that serve the whole repository, which is at the URI ``storage``.

    Raises:
        ConfigurationError: no model of turnout.yaml has Triton as a backend, or KServe cannot read ``storage``.
    """
    check_storage(storage)
    if not any(TRITON in model.remote for model in plan.needs.models):
        raise ConfigurationError(
            f"no model of {plan.needs.source!r} has the backend 'triton', and KServe serves its repository; "
            "write 'triton: {url: \"${TRITON_URL:-localhost:8001}\"}' under the backends of a model"
        )
    runtime, service = _runtime(plan), _service(plan, storage)
    files = {
        "serving-runtime.yaml": f"{_HEAD}{_CHECKED}{yaml_text(runtime)}",
        "inference-service.yaml": f"{_HEAD}{_CHECKED}{yaml_text(service)}",
        "kustomization.yaml": f"{_HEAD}A test has built it with kustomize.\n" + yaml_text(_kustomization()),
    }
    address = f"http://{plan.name}-predictor:80"
    variables = " ".join(f"{name}={address}" for name in plan.url_variables) or f"url: {address}"
    return Deployment(files, {}, (f"the app calls it with {variables}",), f"kubectl apply -k {out}")


def _runtime(plan: Plan) -> dict[str, Any]:
    container = {
        "name": "kserve-container",
        "image": TRITON_IMAGE,
        "args": [
            "tritonserver",
            f"--model-repository={_MODELS}",
            f"--http-port={_HTTP}",
            f"--grpc-port={_GRPC}",
            f"--metrics-port={TRITON_METRICS}",
        ],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108  # a volume of the pod
        "ports": [{"name": "http1", "containerPort": _HTTP, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": _HTTP}, "periodSeconds": 5, "failureThreshold": 120},
        "livenessProbe": {
            "httpGet": {"path": "/v2/health/live", "port": _HTTP},
            "periodSeconds": 10,
            "initialDelaySeconds": 120,
        },
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "shm", "mountPath": "/dev/shm"}],  # noqa: S108
    }
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": f"{plan.name}-triton", "labels": {"app.kubernetes.io/name": plan.name}},
        "spec": {
            "annotations": {"prometheus.kserve.io/port": str(TRITON_METRICS), "prometheus.kserve.io/path": "/metrics"},
            "supportedModelFormats": [{"name": "triton", "version": "2", "autoSelect": False}],
            "protocolVersions": ["v2", "grpc-v2"],
            "containers": [container],
            "volumes": [
                {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}},
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            ],
        },
    }


def _service(plan: Plan, storage: str) -> dict[str, Any]:
    metric = {
        "type": "External",
        "external": {
            "metric": {
                "backend": "prometheus",
                "serverAddress": "http://prometheus-operated.monitoring:9090",
                "query": _QUERY.format(name=f"{plan.name}-predictor"),
            },
            "target": {"type": "Value", "value": "50m"},
        },
    }
    model = {
        "modelFormat": {"name": "triton", "version": "2"},
        "runtime": f"{plan.name}-triton",
        "protocolVersion": "v2",
        "storageUri": storage,
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": plan.name,
            "labels": {"app.kubernetes.io/name": plan.name},
            # Deployments, without Knative; the autoscaler is KEDA, which asks Prometheus.
            "annotations": {"serving.kserve.io/deploymentMode": "Standard", "serving.kserve.io/autoscalerClass": "keda"},
        },
        "spec": {
            "predictor": {
                "minReplicas": plan.servers,
                "maxReplicas": max(8, plan.servers),
                "timeout": 120,
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "securityContext": {"fsGroup": 1000},
                "autoScaling": {"metrics": [metric]},
                "model": model,
            }
        },
    }


def _kustomization() -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["inference-service.yaml", "serving-runtime.yaml"],
    }
