"""The dashboard *Migration*: one model, its old backend and its new one side by side."""

from __future__ import annotations

from deploy.grafana.arms import BACKENDS, NO_REQUESTS
from deploy.grafana.expressions import (
    APP,
    ARM,
    MODEL,
    answering,
    error_ratio,
    quantile,
    rate_by,
    rate_of_seen,
    requests,
    share_of_model,
)
from deploy.grafana.frames import INSTANCE, JOB, MIGRATION, Event, Frame, Row, Variable
from deploy.grafana.panels import About, Columns, Query, figures, lines, rows, states, switched
from deploy.grafana.same_requests import same_requests

LATENCY = "turnout_inference_duration_seconds"

MODEL_OF_A_MOVE = Variable(
    "model", "Model", 'label_values(turnout_inference_requests_total{job=~"$job",instance=~"$instance"}, model)', several=False
)

_SERVES = f'max by (model, backend) (turnout_serving{{{MODEL},role="serves"}})'
_SERVED = f'max by (model, backend) (turnout_serving{{{MODEL},role="serves"}} offset $__interval)'
# At the start of an app no backend served before, and nothing was switched.
SWITCHED = f"(({_SERVES} == 1) unless ({_SERVED} == 1)) and on (model) ({_SERVED} == 1)"
_WEIGHT = f"max by (model, backend) (turnout_canary_weight{{{MODEL}}}"
# Grafana drops an event whose value is 0, and the last weight of a canary is 0.
WEIGHED = f"({_WEIGHT}) != {_WEIGHT} offset $__interval)) * 0 + 1"
RELOADED = f"max by (job, instance) (turnout_settings_reload_success_timestamp_seconds{{{APP}}}) * 1000"

# Without the roles that no backend had in the time range.
STAGE = (
    f"avg by (model, backend, role) (turnout_serving{{{MODEL}}}) and "
    f"max by (model, backend, role) (max_over_time(turnout_serving{{{MODEL}}}[$__range])) > 0"
)

EVENTS = (
    Event("Switches", "purple", SWITCHED, "{{model}} is served by {{backend}}"),
    Event("Canary weights", "orange", WEIGHED, "{{model}}: another share for {{backend}}"),
    Event("Reloads", "blue", RELOADED, "{{instance}} reloaded turnout.yaml", value_is_time=True),
)


def _stage() -> Row:
    return Row(
        "Where the model is",
        (
            states(
                About(
                    "Stage",
                    "What each backend does for the model: serves, canary, shadow, fallback. Orange while not all instances "
                    "agree, as during a reload.",
                    "short",
                    "the model was not opened in this time range",
                    width=12,
                ),
                Query(STAGE, "{{backend}} {{role}}"),
                mappings=switched(("yes", "green"), ("no", "transparent")),
            ),
            states(
                About(
                    "Circuit",
                    "Red while a backend gets no requests, because it failed. Orange: in some instances only.",
                    "short",
                    "this model has no circuit: name a fallback, a canary or circuit_breaker",
                    width=12,
                ),
                Query(f"avg by (model, backend) (turnout_circuit_open{{{MODEL}}})", "{{backend}}"),
                mappings=switched(("open", "red"), ("closed", "green")),
            ),
            lines(
                About(
                    "Canary share",
                    "The weight that turnout.yaml asks for, and the share of the answered callers' requests that each backend "
                    "really gets. Keys of users, and few requests, make them differ.",
                    "percentunit",
                    "this model has no canary",
                    width=12,
                ),
                Query(f"avg by (model, backend) (turnout_canary_weight{{{MODEL}}})", "{{backend}}, by turnout.yaml"),
                Query(share_of_model(answering(MODEL)), "{{backend}}, measured"),
            ),
            lines(
                About(
                    "Fallbacks and retries",
                    "Requests that another backend answered, by reason, and requests that were sent a second time.",
                    "reqps",
                    "nothing fell back or was retried",
                    width=12,
                ),
                Query(
                    rate_of_seen("model, backend, to, reason", f"turnout_fallbacks_total{{{MODEL}}}"),
                    "{{backend}} to {{to}}, {{reason}}",
                ),
                Query(rate_by("model, backend", f"turnout_retries_total{{{MODEL}}}"), "{{backend}} retried"),
            ),
        ),
    )


def _side_by_side() -> Row:
    by = "model, backend"
    one = figures(
        About(
            "$backend",
            "The same figures for each backend. Requests to a shadow count for the shadow's backend.",
            "short",
            NO_REQUESTS,
            width=24,
            height=4,
        ),
        Query(requests("", ARM), "requests", "reqps"),
        Query(error_ratio("", ARM), "errors", "percentunit"),
        Query(quantile(0.5, "", LATENCY, ARM), "p50", "s"),
        Query(quantile(0.95, "", LATENCY, ARM), "p95", "s"),
        Query(quantile(0.99, "", LATENCY, ARM), "p99", "s"),
    )
    one = one.repeat("backend").repeat_direction("h").max_per_row(2)
    return Row(
        "Old and new backend, side by side",
        (
            one,
            rows(
                About(
                    "Since the start",
                    "Counters since the processes started: the very numbers that the apps export.",
                    "short",
                    NO_REQUESTS,
                    width=12,
                ),
                Columns({"backend": "Backend", "outcome": "Outcome"}),
                Query(f"sum by (backend, outcome) (turnout_inference_requests_total{{{ARM}}}) > 0", "Requests"),
            ),
            lines(
                About("Request rate", "Requests a second to each backend, refused ones included.", "reqps", NO_REQUESTS, 12),
                Query(requests(by, ARM), "{{backend}}"),
            ),
            *(
                lines(
                    About(
                        f"Latency p{round(100 * q)}",
                        f"{round(100 * q)} % of the requests were answered within this time. Different requests on each "
                        "backend: with a shadow, compare the same ones below.",
                        "s",
                        NO_REQUESTS,
                        width=8,
                    ),
                    Query(quantile(q, by, LATENCY, ARM), "{{backend}}"),
                )
                for q in (0.5, 0.95, 0.99)
            ),
            lines(
                About(
                    "Error ratio",
                    "The share of requests that this backend failed, or that were refused before they reached it.",
                    "percentunit",
                    NO_REQUESTS,
                    width=12,
                ),
                Query(error_ratio(by, ARM), "{{backend}}"),
            ),
            lines(
                About("Errors by outcome", "Failed requests a second, by outcome.", "reqps", "no request has failed", width=12),
                Query(
                    rate_of_seen("model, backend, outcome", f'turnout_inference_requests_total{{{ARM},outcome!="ok"}}'),
                    "{{backend}} {{outcome}}",
                ),
            ),
        ),
    )


MIGRATION_DASHBOARD = Frame(
    MIGRATION,
    "Turnout: migration of a model",
    "One model moves: its old backend and its new one side by side. Marks show switches, canary weights and reloads.",
    (JOB, INSTANCE, MODEL_OF_A_MOVE, BACKENDS),
    (_stage(), _side_by_side(), same_requests()),
    EVENTS,
)
