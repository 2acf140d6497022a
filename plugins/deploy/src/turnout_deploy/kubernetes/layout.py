"""The files of the kustomize tree: a base, components that are added by choice, and overlays that choose."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from turnout_deploy import monitoring
from turnout_deploy.dockerfile import dockerfile, ignore_file
from turnout_deploy.files import MARK, Deployment
from turnout_deploy.kubernetes import app, network, scaling, servers, watching
from turnout_deploy.kubernetes.objects import APP, SERVER, Object, labels, server_name
from turnout_deploy.plan import TOKEN, TRITON, Plan
from turnout_deploy.yaml_text import yaml_text

_HEAD = f"# Written by '{MARK} kubernetes'. "
_CHECKED = "Checked against its schema; no cluster has run it yet."
_BASE, _COMPONENTS, _OVERLAYS = "base", "components", "overlays"


def kubernetes_files(plan: Plan, out: Path) -> Deployment:
    """Return the manifests of ``plan`` and the Dockerfile, for the folder ``out``."""
    docker = os.path.relpath(out / "Dockerfile", plan.needs.folder)
    files = {"Dockerfile": dockerfile(plan, docker), "Dockerfile.dockerignore": ignore_file(plan)}
    parts = {
        _BASE: _base(plan),
        f"{_COMPONENTS}/autoscaling": _autoscaling(plan),
        f"{_COMPONENTS}/monitoring": _monitoring(plan),
    }
    if plan.has_servers:
        parts |= {f"{_COMPONENTS}/triton": _triton(plan), f"{_COMPONENTS}/gpu": _gpu(plan)}
    parts |= {f"{_OVERLAYS}/{name}": {"kustomization.yaml": text} for name, text in _overlays(plan).items()}
    files |= {f"{folder}/{name}": text for folder, part in parts.items() for name, text in part.items()}
    return Deployment(files, {}, _notes(plan), f"kubectl apply -k {out / _OVERLAYS / 'try'}")


def _base(plan: Plan) -> Mapping[str, str]:
    found = _resources(
        "",
        {
            "service-account": app.service_account(plan),
            "deployment": app.deployment(plan),
            "service": app.service(plan),
            "disruption-budget": app.disruption_budget(plan, plan.name, APP),
            "network-policy": network.app_policy(plan),
        },
    )
    generator = [{"name": f"{plan.name}-config", "files": ["turnout.yaml"], "options": {"labels": labels(plan, APP)}}]
    config = {"turnout.yaml": f"{_HEAD}A copy of {plan.needs.file_name}.\n{plan.needs.text}"}
    return found | config | {"kustomization.yaml": _kustomization(_names(found), configMapGenerator=generator)}


def _triton(plan: Plan) -> Mapping[str, str]:
    found = _resources(
        "",
        {
            "stateful-set": servers.stateful_set(plan),
            "service": servers.headless_service(plan),
            "disruption-budget": app.disruption_budget(plan, server_name(plan), SERVER),
            "network-policy": network.server_policy(plan),
        },
    )
    return found | {"kustomization.yaml": _component(_names(found), **_choice(plan))}


def _choice(plan: Plan) -> Object:
    """Return the patch that moves the models to Triton, where the file leaves the choice to a variable."""
    chosen = [{"name": name, "value": TRITON} for name in plan.backend_variables]
    if not chosen:
        return {}
    container = {"name": APP, "env": chosen}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": plan.name},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    return {"patches": [{"patch": yaml_text(patch)}]}


def _gpu(plan: Plan) -> Mapping[str, str]:
    patch = [{"op": "add", "path": "/spec/template/spec/containers/0/resources/limits/nvidia.com~1gpu", "value": "1"}]
    target = {"kind": "StatefulSet", "name": server_name(plan)}
    return {"kustomization.yaml": _component([], patches=[{"target": target, "patch": yaml_text(patch)}])}


def _autoscaling(plan: Plan) -> Mapping[str, str]:
    found = _resources("It needs the metric of adapter-values.yaml.", {"autoscaler": scaling.autoscaler(plan)})
    # The count of pods is the autoscaler's now: a second apply must not set it back.
    patch = [{"op": "remove", "path": "/spec/replicas"}]
    target = {"kind": "Deployment", "name": plan.name}
    adapter = (
        f"{_HEAD}Values of the chart prometheus-community/prometheus-adapter: helm upgrade --values.\n"
        "# The query was run on a real Prometheus; the adapter was not.\n"
    )
    return found | {
        "adapter-values.yaml": adapter + yaml_text(scaling.adapter_values()),
        "kustomization.yaml": _component(_names(found), patches=[{"target": target, "patch": yaml_text(patch)}]),
    }


def _monitoring(plan: Plan) -> Mapping[str, str]:
    monitors = {"app-monitor": watching.app_monitor(plan)}
    if plan.has_servers:
        monitors["triton-monitor"] = watching.server_monitor(plan)
    found = _resources("For the Prometheus operator.", monitors)
    rules = {
        f"{file.removesuffix('.rules.yml')}-rules.yaml": f"{_HEAD}The rules of Turnout; promtool has tested them.\n"
        + watching.rule(plan, file, text)
        for file, text in monitoring.rules().items()
    }
    found |= rules
    return found | {"kustomization.yaml": _component(_names(found))}


def _overlays(plan: Plan) -> Mapping[str, str]:
    """Return the overlays: one copy on any cluster, the whole, and the whole on Triton where that is a choice."""
    both = ["autoscaling", "monitoring"]
    always = [TRITON] if plan.needs_servers else []
    counts = [{"name": plan.name, "count": 1}] + ([{"name": server_name(plan), "count": plan.servers}] if always else [])
    found = {"try": _overlay(plan, always, replicas=counts), "production": _overlay(plan, [*always, *both])}
    if plan.has_servers and not plan.needs_servers:
        found[TRITON] = _overlay(plan, [TRITON, *both])
    return found


def _overlay(plan: Plan, components: list[str], **more: object) -> str:
    images = [_image(plan.image)] + ([_image(plan.models_image)] if TRITON in components else [])
    return _kustomization(
        [f"../../{_BASE}"], components=[f"../../{_COMPONENTS}/{name}" for name in components], images=images, **more
    )


def _image(image: str) -> Object:
    """Return the entry by which ``kustomize edit set image`` names another registry or tag."""
    name, _, tag = image.rpartition(":")
    return {"name": name, "newName": name, "newTag": tag}


def _resources(remark: str, found: Mapping[str, Object]) -> dict[str, str]:
    remarks = " ".join(filter(None, (remark, _CHECKED)))
    return {f"{name}.yaml": f"{_HEAD}{remarks}\n{yaml_text(value)}" for name, value in found.items()}


def _names(files: Mapping[str, str]) -> list[str]:
    return sorted(files)


def _kustomization(resources: list[str], **more: object) -> str:
    return _kustomize("kustomize.config.k8s.io/v1beta1", "Kustomization", resources, more)


def _component(resources: list[str], **more: object) -> str:
    return _kustomize("kustomize.config.k8s.io/v1alpha1", "Component", resources, more)


def _kustomize(api: str, kind: str, resources: list[str], more: Mapping[str, object]) -> str:
    value: Object = {"apiVersion": api, "kind": kind}
    value |= {"resources": resources} if resources else {}
    value |= {name: entry for name, entry in more.items() if entry}
    return f"{_HEAD}A test has built it with kustomize.\n{yaml_text(value)}"


def _notes(plan: Plan) -> tuple[str, ...]:
    keys = [TOKEN, *(one.name for one in plan.needs.variables if one.default is None and one.name not in plan.url_variables)]
    listed = " ".join(f"--from-literal={key}=..." for key in keys if key not in plan.values)
    images = f"{plan.image} and {plan.models_image}" if plan.has_servers else plan.image
    return (
        f"build and push {images}; the first lines of Dockerfile have the command",
        f"make the secret, which no file contains: kubectl create secret generic {plan.name} {listed}",
    )
