"""The manifests for Kubernetes fit their schemas and each other, and planted mistakes are found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.deploy.conftest import ROOT, Run
from tests.plugins.deploy.consistency import containers, of_kind, problems
from tests.plugins.deploy.documents import NEWEST, OLDEST, Document, documents_in, kubernetes_problems, kustomize, texts

DEMO = ROOT / "deploy/kubernetes"
OVERLAYS = ["try", "production", "triton"]
FILES = [
    pytest.param(document, id=f"{file}:{document['kind']}")
    for file, document in documents_in(DEMO)
    if document["kind"] not in {"Kustomization", "Component"}
]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("document", FILES)
def test_a_file_fits_its_schema(document: Document, version: str) -> None:
    assert kubernetes_problems(document, version) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_built_and_fits(overlay: str) -> None:
    documents = kustomize(DEMO / "overlays" / overlay)

    assert [problem for one in documents for problem in kubernetes_problems(one)] == []
    assert problems(documents) == []


def test_the_overlays_are_the_stages() -> None:
    kinds = {overlay: {one["kind"] for one in kustomize(DEMO / "overlays" / overlay)} for overlay in OVERLAYS}

    base = {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"}
    watched = {"HorizontalPodAutoscaler", "PrometheusRule", "ServiceMonitor"}
    assert kinds == {"try": base, "production": base | watched, "triton": base | watched | {"StatefulSet"}}


def test_the_overlay_triton_moves_every_model_and_names_every_server() -> None:
    documents = kustomize(DEMO / "overlays/triton")
    [app], [servers] = of_kind(documents, "Deployment"), of_kind(documents, "StatefulSet")
    [container] = containers(app)
    values = {one["name"]: one.get("value") for one in container["env"]}

    hosts = [f"turnout-triton-{number}.turnout-triton" for number in range(servers["spec"]["replicas"])]
    assert values["INFERENCE_BACKEND"] == "triton"
    assert values["TRITON_URL"] == ",".join(f"{host}:8001" for host in hosts)
    assert servers["spec"]["serviceName"] == "turnout-triton"


def _set(path: str, value: object) -> Callable[[list[Document]], None]:
    kind, *keys = path.split(".")

    def plant(documents: list[Document]) -> None:
        inside: Any = of_kind(documents, kind)[0]
        for key in keys[:-1]:
            inside = inside[int(key) if isinstance(inside, list) else key]
        if value is None:
            del inside[keys[-1]]
        else:
            inside[int(keys[-1]) if isinstance(inside, list) else keys[-1]] = value

    return plant


POD = "spec.template.spec"
BOX = f"{POD}.containers.0"


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (_set(f"Deployment.{POD}.securityContext.runAsNonRoot", False), "may run as root"),
        (_set(f"StatefulSet.{POD}.securityContext.seccompProfile", None), "no seccomp profile"),
        (_set(f"Deployment.{POD}.automountServiceAccountToken", True), "token of the API server"),
        (_set(f"Deployment.{POD}.enableServiceLinks", None), "variables of every service"),
        (_set(f"Deployment.{BOX}.securityContext.readOnlyRootFilesystem", False), "not locked"),
        (_set(f"StatefulSet.{POD}.initContainers.0.securityContext.capabilities", None), "has capabilities"),
        (_set(f"Deployment.{BOX}.resources.limits", None), "no limits"),
        (_set(f"Deployment.{BOX}.image", "turnout:latest"), "without a tag"),
        (_set(f"Deployment.{BOX}.env.0", {"name": "API_TOKEN", "value": "abc"}), "has the value of API_TOKEN"),
        (_set(f"Deployment.{POD}.volumes.0.configMap.name", "other"), "no ConfigMap other"),
        (_set(f"Deployment.{POD}.serviceAccountName", "other"), "no ServiceAccount other"),
        (_set(f"Deployment.{BOX}.volumeMounts.0.name", "other"), "no volume other"),
        (_set(f"Deployment.{BOX}.readinessProbe.httpGet.port", "web"), "a port that is not there"),
        (_set("Deployment.spec.selector.matchLabels", {"a": "b"}), "does not select its pods"),
        (_set("Service.spec.selector", {"app.kubernetes.io/name": "turnout"}), "selects 2 workloads"),
        (_set("Service.spec.ports.0.targetPort", "web"), "no port web"),
        (_set("PodDisruptionBudget.spec.selector.matchLabels", {"a": "b"}), "selects nothing"),
        (_set("NetworkPolicy.spec.podSelector.matchLabels", {"a": "b"}), "selects nothing"),
        (_set("HorizontalPodAutoscaler.spec.scaleTargetRef.name", "other"), "scales other"),
        (_set("Deployment.spec.replicas", 2), "sets them too"),
        (_set("StatefulSet.spec.serviceName", "turnout"), "no headless service"),
        (_set("ServiceMonitor.spec.endpoints.0.port", "web"), "asks the port web"),
    ],
)
def test_a_planted_misfit_is_found(plant: Callable[[list[Document]], None], found: str) -> None:
    documents = kustomize(DEMO / "overlays/triton")

    plant(documents)

    assert any(found in problem for problem in problems(documents)), problems(documents)


@pytest.mark.parametrize(
    ("kind", "plant"),
    [
        ("Deployment", lambda one: one["spec"].update(replica=2)),
        ("Deployment", lambda one: one["spec"].update(replicas="two")),
        ("StatefulSet", lambda one: one["spec"]["template"]["spec"]["containers"][0].update(image=7)),
        ("Service", lambda one: one["spec"]["ports"][0].update(port="http")),
        ("NetworkPolicy", lambda one: one["spec"].update(ingres=[])),
        ("PodDisruptionBudget", lambda one: one["spec"].update(maxunavailable=1)),
        ("HorizontalPodAutoscaler", lambda one: one["spec"].update(maxReplicas=None)),
        ("ServiceMonitor", lambda one: one["spec"]["endpoints"][0].update(intervall="1s")),
        ("ServiceMonitor", lambda one: one["spec"]["endpoints"][0].update(interval="often")),
        ("PrometheusRule", lambda one: one["spec"]["groups"][0].update(rules={})),
        ("PrometheusRule", lambda one: one.update(apiVersion="monitoring.coreos.com/v2")),
    ],
)
def test_a_planted_mistake_is_refused_by_the_schema(kind: str, plant: Callable[[Document], None]) -> None:
    document = copy.deepcopy(next(one for _, one in documents_in(DEMO) if one["kind"] == kind))
    assert kubernetes_problems(document) == []

    plant(document)

    assert kubernetes_problems(document)


def test_no_value_of_a_secret_variable_is_written(deploy: Run, project: Path) -> None:
    secret = "sk-7f2c9d1e"
    done = deploy(
        "kubernetes", "--out", "k8s", "--repository", "models", KEY=secret, TURNOUT_SERVE_TOKEN=secret, SERVERS=f"{secret}:1"
    )

    assert done.returncode == 0, done.stderr
    written = "".join(file.read_text("utf-8") for file in (project / "k8s").rglob("*") if file.is_file())
    assert secret not in written + done.stdout + done.stderr
    [app] = [one for _, one in documents_in(project / "k8s") if one["kind"] == "Deployment"]
    keys = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in containers(app)[0]["env"] if "valueFrom" in one}
    assert keys == {
        "TURNOUT_SERVE_TOKEN": {"name": "turnout", "key": "TURNOUT_SERVE_TOKEN"},
        "KEY": {"name": "turnout", "key": "KEY", "optional": True},
    }


def test_a_value_is_written_as_it_is(deploy: Run, project: Path) -> None:
    """Kubernetes would put the value of another variable in place of $(NAME)."""
    done = deploy("kubernetes", "--out", "k8s", "--repository", "models", "--set", "SERVERS=$(TURNOUT_SERVE_TOKEN):1")

    assert done.returncode == 0, done.stderr
    [app] = [one for _, one in documents_in(project / "k8s") if one["kind"] == "Deployment"]
    values = {one["name"]: one.get("value") for one in containers(app)[0]["env"]}
    assert values["SERVERS"] == "$$(TURNOUT_SERVE_TOKEN):1"


def test_names_and_counts_are_those_of_the_options(deploy: Run, project: Path) -> None:
    options = ("--name", "shop", "--image", "registry.example.com:5000/shop:7", "--replicas", 3, "--triton-replicas", 4)
    done = deploy("kubernetes", "--out", "k8s", *options, "--repository", "models")

    assert done.returncode == 0, done.stderr
    documents = kustomize(project / "k8s/overlays/triton")
    assert problems(documents) == []
    [app], [servers] = of_kind(documents, "Deployment"), of_kind(documents, "StatefulSet")
    assert containers(app)[0]["image"] == "registry.example.com:5000/shop:7"
    assert servers["spec"]["replicas"] == 4
    assert sum("shop-triton-3.shop-triton:8001" in text for text in texts(app)) == 1


def test_without_a_model_on_triton_there_are_no_servers(deploy: Run, project: Path) -> None:
    (project / "turnout.yaml").write_text(
        "models: {segmenter: {backend: onnxruntime, backends: {onnxruntime: {path: models/segmenter}}}}\n", "utf-8"
    )

    done = deploy("kubernetes", "--out", "k8s")

    assert done.returncode == 0, done.stderr
    assert sorted(one.name for one in (project / "k8s/overlays").iterdir()) == ["production", "try"]
    assert problems(kustomize(project / "k8s/overlays/production")) == []
    assert "models AS models" not in (project / "k8s/Dockerfile").read_text("utf-8")


def test_a_server_elsewhere_leaves_the_calls_of_the_app_open(deploy: Run, project: Path) -> None:
    file = project / "turnout.yaml"
    file.write_text(file.read_text("utf-8").replace("${SERVERS:-localhost:8001}", "triton.example.com:8001"), "utf-8")

    assert deploy("kubernetes", "--out", "k8s").returncode == 0

    [policy] = [one for _, one in documents_in(project / "k8s") if one["kind"] == "NetworkPolicy"]
    assert policy["spec"]["policyTypes"] == ["Ingress"]
