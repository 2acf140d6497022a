"""Arms, one model on one backend each: their variables, their name, and the text for no data."""

from __future__ import annotations

from deploy.grafana.frames import Variable

NAME = "{{model}} on {{backend}}"
NO_REQUESTS = "no requests in this time range"

MODELS = Variable(
    "model",
    "Model",
    'label_values(turnout_inference_requests_total{job=~"$job",instance=~"$instance"}, model)',
    all_pattern=".*",
)
BACKENDS = Variable(
    "backend",
    "Backend",
    'label_values(turnout_inference_requests_total{job=~"$job",instance=~"$instance",model=~"$model"}, backend)',
    all_pattern=".*",
)
