"""Scaling the app by the time that its requests wait, and the metric that this needs."""

from __future__ import annotations

from turnout_deploy.kubernetes.objects import APP, Object, resource
from turnout_deploy.plan import Plan

METRIC = "turnout_queue_seconds"
_MOST_REPLICAS = 10
# The series of the pods, also of one that has had no request: without them the autoscaler would not know the metric.
_SERIES = 'up{job="turnout",namespace!="",pod!=""}'
QUERY = """\
sum by (<<.GroupBy>>) (rate(turnout_queue_duration_seconds_sum{<<.LabelMatchers>>}[2m]))
/ (sum by (<<.GroupBy>>) (rate(turnout_queue_duration_seconds_count{<<.LabelMatchers>>}[2m])) > 0)
or sum by (<<.GroupBy>>) (up{<<.LabelMatchers>>}) * 0
"""
"""The mean wait of a request in the queue of a pod, over two minutes; 0 without requests, and where nothing is merged."""


def autoscaler(plan: Plan) -> Object:
    """Return the autoscaler of the app: by queue seconds, and by CPU where pictures, not models, take the time."""
    queue = {
        "type": "Pods",
        "pods": {"metric": {"name": METRIC}, "target": {"type": "AverageValue", "averageValue": "50m"}},
    }
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    return resource("autoscaling/v2", "HorizontalPodAutoscaler", plan.name, plan, APP) | {
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": plan.name},
            "minReplicas": plan.replicas,
            "maxReplicas": max(_MOST_REPLICAS, plan.replicas),
            "metrics": [queue, cpu],
            "behavior": {
                "scaleUp": {"stabilizationWindowSeconds": 30},
                # Models take their time to load: do not remove a pod for a short pause.
                "scaleDown": {
                    "stabilizationWindowSeconds": 600,
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
                },
            },
        }
    }


def adapter_values() -> Object:
    """Return the values of the chart prometheus-adapter by which Kubernetes knows the metric."""
    rule = {
        "seriesQuery": _SERIES,
        "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
        "name": {"matches": "^up$", "as": METRIC},
        "metricsQuery": QUERY,
    }
    return {"rules": {"default": False, "custom": [rule]}}
