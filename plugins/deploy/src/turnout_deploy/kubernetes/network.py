"""The network policies: who may call whom."""

from __future__ import annotations

from turnout_deploy.kubernetes.objects import APP, SERVER, Object, resource, selector, server_name
from turnout_deploy.plan import APP_PORT, TRITON_GRPC, TRITON_HTTP, TRITON_METRICS, Plan

_DNS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


def app_policy(plan: Plan) -> Object:
    """Return the policy of the app: anyone may call its port; it calls DNS and its servers, and nothing else.

    A turnout.yaml that names a server elsewhere leaves its calls open.
    """
    ingress: list[Object] = [{"ports": _tcp(APP_PORT)}]
    egress: list[Object] = [{"ports": _DNS}]
    if plan.has_servers:
        egress.append({"to": [{"podSelector": selector(plan, SERVER)}], "ports": _tcp(TRITON_HTTP, TRITON_GRPC)})
    spec = {"podSelector": selector(plan, APP), "policyTypes": ["Ingress"], "ingress": ingress}
    if not _calls_others(plan):
        spec |= {"policyTypes": ["Ingress", "Egress"], "egress": egress}
    return resource("networking.k8s.io/v1", "NetworkPolicy", plan.name, plan, APP) | {"spec": spec}


def server_policy(plan: Plan) -> Object:
    """Return the policy of the servers: the app calls them, anyone reads their metrics, and they call nothing."""
    return resource("networking.k8s.io/v1", "NetworkPolicy", server_name(plan), plan, SERVER) | {
        "spec": {
            "podSelector": selector(plan, SERVER),
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"from": [{"podSelector": selector(plan, APP)}], "ports": _tcp(TRITON_HTTP, TRITON_GRPC)},
                {"ports": _tcp(TRITON_METRICS)},
            ],
            "egress": [],
        }
    }


def _tcp(*ports: int) -> list[Object]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _calls_others(plan: Plan) -> bool:
    """Return whether a model may send requests to a server that is no part of the deployment."""
    own = {path for one in plan.needs.variables if one.name in plan.url_variables for path in one.paths}
    return any(
        ("models", model.name, "backends", backend, "url") not in own for model in plan.needs.models for backend in model.remote
    )
