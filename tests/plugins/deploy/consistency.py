"""The parts of manifests that no schema checks: whether they fit each other, and whether containers are locked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

Document = dict[str, Any]
WORKLOADS = {"Deployment", "StatefulSet"}
_SECRET = re.compile(r"token|password|secret|key", re.IGNORECASE)
_TAGGED = re.compile(r"[^:]+(:[0-9]+/[^:]+)?:(?!latest$)[\w.-]+")


def problems(documents: list[Document]) -> list[str]:
    """Return everything in a built overlay that does not fit."""
    return list(
        chain(_locks(documents), _references(documents), _selectors(documents), _targets(documents), _monitors(documents))
    )


def of_kind(documents: list[Document], *kinds: str) -> list[Document]:
    return [one for one in documents if one["kind"] in kinds]


def containers(workload: Document) -> list[Document]:
    pod = workload["spec"]["template"]["spec"]
    return [*pod.get("initContainers", []), *pod["containers"]]


def _locks(documents: list[Document]) -> Iterator[str]:
    for workload in of_kind(documents, *WORKLOADS):
        pod = workload["spec"]["template"]["spec"]
        context = pod.get("securityContext", {})
        if not context.get("runAsNonRoot") or not context.get("runAsUser"):
            yield f"{workload['kind']} may run as root"
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{workload['kind']} has no seccomp profile"
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{workload['kind']} gets a token of the API server"
        if pod.get("enableServiceLinks") is not False:
            yield f"{workload['kind']} gets variables of every service"
        for container in containers(workload):
            yield from _lock_of(container)


def _lock_of(container: Document) -> Iterator[str]:
    name, context = container["name"], container.get("securityContext", {})
    if context.get("readOnlyRootFilesystem") is not True or context.get("allowPrivilegeEscalation") is not False:
        yield f"container {name} is not locked"
    if context.get("capabilities") != {"drop": ["ALL"]} or context.get("privileged"):
        yield f"container {name} has capabilities"
    if not {"requests", "limits"} <= set(container.get("resources", {})) or "memory" not in container["resources"]["limits"]:
        yield f"container {name} has no limits"
    if not _TAGGED.fullmatch(container["image"]):
        yield f"container {name} has an image without a tag"
    for entry in container.get("env", []):
        if _SECRET.search(entry["name"]) and "valueFrom" not in entry:
            yield f"container {name} has the value of {entry['name']}"


def _references(documents: list[Document]) -> Iterator[str]:
    maps = {one["metadata"]["name"] for one in of_kind(documents, "ConfigMap")}
    accounts = {one["metadata"]["name"] for one in of_kind(documents, "ServiceAccount")}
    for workload in of_kind(documents, *WORKLOADS):
        pod = workload["spec"]["template"]["spec"]
        volumes = {one["name"] for one in pod.get("volumes", [])}
        for volume in pod.get("volumes", []):
            if "configMap" in volume and volume["configMap"]["name"] not in maps:
                yield f"no ConfigMap {volume['configMap']['name']}"
        if pod.get("serviceAccountName", "default") not in {*accounts, "default"}:
            yield f"no ServiceAccount {pod['serviceAccountName']}"
        for container in containers(workload):
            yield from (f"no volume {one['name']}" for one in container.get("volumeMounts", []) if one["name"] not in volumes)
            yield from _probes(container)


def _probes(container: Document) -> Iterator[str]:
    ports = {one["name"] for one in container.get("ports", [])}
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        if kind in container and container[kind]["httpGet"]["port"] not in ports:
            yield f"{kind} of {container['name']} asks a port that is not there"


def _selectors(documents: list[Document]) -> Iterator[str]:
    workloads = of_kind(documents, *WORKLOADS)
    pods = [one["spec"]["template"] for one in workloads]
    for one in workloads:
        if not _selects(one["spec"]["selector"]["matchLabels"], one["spec"]["template"]):
            yield f"{one['kind']} does not select its pods"
    for one in of_kind(documents, "Service"):
        found = [pod for pod in pods if _selects(one["spec"]["selector"], pod)]
        ports = {
            port["name"] for pod in found for container in pod["spec"]["containers"] for port in container.get("ports", [])
        }
        yield from () if len(found) == 1 else [f"Service {one['metadata']['name']} selects {len(found)} workloads"]
        yield from (f"no port {port['targetPort']}" for port in one["spec"]["ports"] if port["targetPort"] not in ports)
    for one in of_kind(documents, "PodDisruptionBudget"):
        if not any(_selects(one["spec"]["selector"]["matchLabels"], pod) for pod in pods):
            yield "PodDisruptionBudget selects nothing"
    for one in of_kind(documents, "NetworkPolicy"):
        if not any(_selects(one["spec"]["podSelector"]["matchLabels"], pod) for pod in pods):
            yield "NetworkPolicy selects nothing"


def _targets(documents: list[Document]) -> Iterator[str]:
    workloads = {(one["kind"], one["metadata"]["name"]): one for one in of_kind(documents, *WORKLOADS)}
    for one in of_kind(documents, "HorizontalPodAutoscaler"):
        target = one["spec"]["scaleTargetRef"]
        workload = workloads.get((target["kind"], target["name"]))
        if workload is None:
            yield f"HorizontalPodAutoscaler scales {target['name']}, which is not there"
        elif "replicas" in workload["spec"]:
            yield "replicas are set, and the autoscaler sets them too"
    services = {one["metadata"]["name"]: one for one in of_kind(documents, "Service")}
    for one in of_kind(documents, "StatefulSet"):
        if services.get(one["spec"]["serviceName"], {}).get("spec", {}).get("clusterIP") != "None":
            yield "StatefulSet has no headless service"


def _monitors(documents: list[Document]) -> Iterator[str]:
    for one in of_kind(documents, "ServiceMonitor"):
        services = [
            service
            for service in of_kind(documents, "Service")
            if _matches(one["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
        ]
        ports = {port["name"] for service in services for port in service["spec"]["ports"]}
        for endpoint in one["spec"]["endpoints"]:
            if services and endpoint["port"] not in ports:
                yield f"ServiceMonitor asks the port {endpoint['port']}, which is not there"


def _selects(wanted: dict[str, str], pod: Document) -> bool:
    return _matches(wanted, pod["metadata"]["labels"])


def _matches(wanted: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(wanted) and wanted.items() <= labels.items()
