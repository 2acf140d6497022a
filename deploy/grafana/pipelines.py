"""The dashboard *Pipelines*: pictures, and where their time goes."""

from __future__ import annotations

from deploy.grafana.expressions import APP, PIPELINE, buckets, mean, quantile, rate, rate_by, rate_of_seen, total
from deploy.grafana.frames import INSTANCE, JOB, PIPELINES, Frame, Row, Variable
from deploy.grafana.panels import About, Limits, Query, figures, heat_map, lines

PER_SECOND = "suffix: /s"
NO_RUNS = "no pipeline ran in this time range"
RUNS = "turnout_pipeline_runs_total"
SECONDS = "turnout_pipeline_duration_seconds"
STEPS = "turnout_step_duration_seconds"
FAILURES = "turnout_step_failures_total"

CHOSEN = Variable(
    "pipeline",
    "Pipeline",
    'label_values(turnout_pipeline_runs_total{job=~"$job",instance=~"$instance"}, pipeline)',
    all_pattern=".*",
)


def _pictures() -> Row:
    tried = rate(f'{RUNS}{{{PIPELINE},outcome!="invalid_request"}}')
    failed = rate(f'{RUNS}{{{PIPELINE},outcome=~"failed|partial"}}')
    return Row(
        "Pictures",
        (
            figures(
                About("Pictures", "Runs that ended in this time range, by outcome.", "short", NO_RUNS, width=8, height=6),
                Query(total("outcome", f"increase({RUNS}{{{PIPELINE}}}[$__range])"), "{{outcome}}"),
            ),
            figures(
                About(
                    "Failed",
                    "The share of runs that raised, or returned with failures of some regions. Runs with invalid inputs are "
                    "not counted.",
                    "percentunit",
                    NO_RUNS,
                    width=4,
                    height=6,
                ),
                Query(f"{total('', failed)} / {total('', tried)}", "failed"),
                limits=Limits(0.01, 0.05),
            ),
            figures(
                About(
                    "Refused pictures",
                    "Pictures a second that a step refused: no picture, too large, or not to be read.",
                    PER_SECOND,
                    "no pipeline has a step that reads pictures",
                    width=4,
                    height=6,
                ),
                Query(rate_by("", f'{FAILURES}{{{PIPELINE},reason="invalid_input"}}'), "refused"),
                limits=Limits(0.01, 1),
            ),
            lines(
                About("Runs", "Runs a second, by outcome.", PER_SECOND, NO_RUNS, width=8, height=6),
                Query(rate_by("pipeline, outcome", f"{RUNS}{{{PIPELINE}}}"), "{{pipeline}} {{outcome}}"),
            ),
            lines(
                About("Time of a run", "A whole run, of those that returned.", "s", NO_RUNS, width=12),
                *(
                    Query(quantile(q, "pipeline", SECONDS, PIPELINE), f"{{{{pipeline}}}} p{round(100 * q)}")
                    for q in (0.5, 0.95, 0.99)
                ),
            ),
            heat_map(
                About("Heat map of runs", "How many runs took how long.", "s", NO_RUNS, width=12),
                Query(buckets(SECONDS, PIPELINE), "{{le}}"),
            ),
        ),
    )


def _steps() -> Row:
    by = "pipeline, step, part"
    return Row(
        "Steps",
        (
            lines(
                About(
                    "Mean time by step and part",
                    "Where the time of a picture goes. Steps that do not need each other run at the same time, so the sum may "
                    "be more than the time of a run.",
                    "s",
                    NO_RUNS,
                    width=12,
                ),
                Query(mean(by, STEPS, PIPELINE), "{{step}} {{part}}"),
                stacked=True,
            ),
            lines(
                About("p95 by step and part", "95 % of the runs spent at most this time in the part.", "s", NO_RUNS, width=12),
                Query(quantile(0.95, by, STEPS, PIPELINE), "{{step}} {{part}}"),
            ),
            lines(
                About(
                    "Failures by step and reason",
                    "Failures a second. The reason is the outcome of a model's request, invalid_input for a refused picture, "
                    "or error for the step's own code.",
                    PER_SECOND,
                    "no step has failed",
                    width=12,
                ),
                Query(rate_of_seen("pipeline, step, reason", f"{FAILURES}{{{PIPELINE}}}"), "{{step}} {{reason}}"),
            ),
            lines(
                About(
                    "Executor queue",
                    "Steps and requests that wait for a thread of the app. If it grows, raise executor_threads.",
                    "short",
                    "the apps do not export it",
                    width=12,
                ),
                Query(f"sum by (pool) (turnout_executor_queue_depth{{{APP}}})", "{{pool}}"),
            ),
        ),
    )


PIPELINES_DASHBOARD = Frame(
    PIPELINES,
    "Turnout: pipelines",
    "Pictures: how many, how long, in which step, and what failed.",
    (JOB, INSTANCE, CHOSEN),
    (_pictures(), _steps()),
)
