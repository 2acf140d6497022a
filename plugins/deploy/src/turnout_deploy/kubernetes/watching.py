"""Monitoring by the Prometheus operator: what is scraped, and the rules."""

from __future__ import annotations

from textwrap import indent

from turnout_deploy.kubernetes.objects import APP, SERVER, Object, labels, resource, selector, server_name
from turnout_deploy.plan import TOKEN, Plan
from turnout_deploy.yaml_text import yaml_text


def app_monitor(plan: Plan) -> Object:
    """Return the monitor of the app, whose metrics ask for the token too."""
    return _monitor(plan, plan.name, APP, "turnout", "http")


def server_monitor(plan: Plan) -> Object:
    """Return the monitor of the Triton servers."""
    return _monitor(plan, server_name(plan), SERVER, "triton", "metrics")


def rule(plan: Plan, file: str, text: str) -> str:
    """Return the rules ``text`` of ``file`` as a PrometheusRule; comments stay."""
    name = f"{plan.name}-{file.removesuffix('.rules.yml')}"
    head = resource("monitoring.coreos.com/v1", "PrometheusRule", name, plan, APP)
    return f"{yaml_text(head)}spec:\n{indent(text, '  ', lambda line: bool(line.strip()))}"


def _monitor(plan: Plan, name: str, component: str, job: str, port: str) -> Object:
    endpoint: Object = {
        "port": port,
        "path": "/metrics",
        "interval": "15s",
        # The dashboards and the alerts know these names of jobs.
        "relabelings": [{"targetLabel": "job", "replacement": job, "action": "replace"}],
    }
    if component == APP:
        endpoint["authorization"] = {"type": "Bearer", "credentials": {"name": plan.name, "key": TOKEN}}
    return resource("monitoring.coreos.com/v1", "ServiceMonitor", name, plan, component) | {
        "spec": {
            "selector": selector(plan, component),
            "podTargetLabels": list(labels(plan, component)),
            "endpoints": [endpoint],
        }
    }
