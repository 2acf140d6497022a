"""The dashboard *Overview*: is every model answered, and how fast?"""

from __future__ import annotations

from deploy.grafana.arms import BACKENDS, MODELS, NAME, NO_REQUESTS
from deploy.grafana.expressions import (
    APP,
    ARM,
    MODEL,
    SERVER_JOB,
    buckets,
    error_ratio,
    quantile,
    rate_by,
    requests,
    unanswered,
)
from deploy.grafana.frames import INSTANCE, JOB, MIGRATION, OVERVIEW, Frame, Row
from deploy.grafana.inside import batches, processes
from deploy.grafana.panels import About, Columns, Limits, Query, figures, heat_map, lines, rows
from deploy.grafana.pressure import pressure

LATENCY = "turnout_inference_duration_seconds"


def _now() -> Row:
    return Row(
        "Now",
        (
            figures(
                About(
                    "Requests",
                    "Requests a second of all chosen models and backends, refused ones included. A request that a fallback "
                    "answered counts twice: for the backend that failed, and for the one that answered. Requests to a shadow "
                    "count too.",
                    "reqps",
                    NO_REQUESTS,
                    width=4,
                    height=5,
                ),
                Query(requests("", ARM), "requests"),
            ),
            figures(
                About(
                    "Errors",
                    "The share of requests that a backend failed or that were refused before they reached it. Callers' own "
                    "invalid requests and cancellations are no errors. With a fallback, callers see fewer: look at Fallbacks.",
                    "percentunit",
                    NO_REQUESTS,
                    width=4,
                    height=5,
                ),
                Query(error_ratio("", ARM), "errors"),
                limits=Limits(0.01, 0.05),
            ),
            figures(
                About(
                    "Targets down",
                    f"Apps of the chosen jobs, and servers of the job {SERVER_JOB}, that Prometheus cannot scrape. "
                    "If it is not 0, see Status > Targets in Prometheus.",
                    "short",
                    "Prometheus has no target of these jobs: see scrape_configs of prometheus.yml",
                    width=4,
                    height=5,
                ),
                Query(f'sum(1 - up{{job=~"$job|{SERVER_JOB}"}})', "down"),
                limits=Limits(0.5, 1),
            ),
            figures(
                About(
                    "Fallbacks",
                    "Requests a second that another backend answered, because the first was unavailable, overloaded or late.",
                    "reqps",
                    "no model has a fallback or a canary",
                    width=4,
                    height=5,
                ),
                Query(rate_by("", f"turnout_fallbacks_total{{{MODEL}}}"), "fallbacks"),
                limits=Limits(0.01, 1),
            ),
            figures(
                About(
                    "Open circuits",
                    "Backends that get no requests in at least one process, because they failed. Their fallbacks answer, or "
                    "callers get BackendUnavailableError.",
                    "short",
                    "no model has a circuit",
                    width=4,
                    height=5,
                ),
                Query(f"sum(max by (model, backend) (turnout_circuit_open{{{ARM}}}))", "open"),
                limits=Limits(0.5, 1),
            ),
            figures(
                About(
                    "Settings",
                    "Instances that could not take up turnout.yaml, or a new version of a model; they serve as before. Their "
                    "logs say why. 0 is well.",
                    "short",
                    "no app was told to watch turnout.yaml, or to reload it",
                    width=4,
                    height=5,
                ),
                Query(f"sum(1 - turnout_settings_reload_success{{{APP}}})", "not reloaded"),
                limits=Limits(0.5, 1),
            ),
        ),
    )


def _table() -> Row:
    by = "model, backend"
    open_migration = (
        f"/d/{MIGRATION}?${{datasource:queryparam}}&${{job:queryparam}}&${{__url_time_range}}&var-model=${{__value.raw}}"
    )
    return Row(
        "Models and backends",
        (
            rows(
                About(
                    "Models",
                    "One row for each backend of a model, and one for each version while a new one rolls out. The version is "
                    "the folder of the model repository that answers. Click a model for its migration.",
                    "short",
                    NO_REQUESTS,
                    width=24,
                ),
                Columns({"model": "Model", "backend": "Backend", "version": "Version"}, {"model": open_migration}),
                Query(f"sum by (model, backend, version) (turnout_model_info{{{ARM}}}) > 0", "Instances"),
                Query(f'max by (model, backend) (turnout_serving{{{ARM},role="serves"}})', "Serves", "bool_yes_no"),
                Query(requests(by, ARM), "Requests", "reqps"),
                Query(error_ratio(by, ARM), "Errors", "percentunit"),
                Query(quantile(0.5, by, LATENCY, ARM), "p50", "s"),
                Query(quantile(0.95, by, LATENCY, ARM), "p95", "s"),
                Query(quantile(0.99, by, LATENCY, ARM), "p99", "s"),
                Query(f"sum by ({by}) (turnout_inference_in_flight{{{ARM}}})", "In flight"),
            ),
        ),
    )


def _latency() -> Row:
    note = " From the buckets of a histogram: wrong by one bucket at most, a factor of 1.7."
    return Row(
        "Rate and latency",
        (
            lines(
                About("Request rate", "Requests a second, refused ones included.", "reqps", NO_REQUESTS),
                Query(requests("model, backend", ARM), NAME),
            ),
            lines(
                About(
                    "Error ratio",
                    "The share of requests that this backend failed, or that were refused before they reached it.",
                    "percentunit",
                    NO_REQUESTS,
                ),
                Query(error_ratio("model, backend", ARM), NAME),
            ),
            lines(
                About(
                    "Unanswered requests",
                    "Requests a second that failed for their callers: failed or refused ones, without those that a fallback or "
                    "a retry made good, and without those to shadows.",
                    "reqps",
                    NO_REQUESTS,
                ),
                Query(unanswered(MODEL), "{{model}}"),
            ),
            *(
                lines(
                    About(
                        f"Latency p{round(100 * q)}",
                        f"{round(100 * q)} % of the requests were answered within this time, waiting included.{note}",
                        "s",
                        NO_REQUESTS,
                    ),
                    Query(quantile(q, "model, backend", LATENCY, ARM), NAME),
                )
                for q in (0.5, 0.95, 0.99)
            ),
            heat_map(
                About(
                    "Latency heat map",
                    "How many requests of the chosen models took how long. Choose one model: two models are two bands.",
                    "s",
                    NO_REQUESTS,
                    width=24,
                ),
                Query(buckets(LATENCY, ARM), "{{le}}"),
            ),
        ),
    )


OVERVIEW_DASHBOARD = Frame(
    OVERVIEW,
    "Turnout: overview",
    "Is every model answered, and how fast? One line for each model and backend.",
    (JOB, INSTANCE, MODELS, BACKENDS),
    (_now(), _table(), _latency(), pressure(), batches(), processes()),
)
