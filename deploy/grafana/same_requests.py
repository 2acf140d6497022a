"""The row of the migration that compares the same requests on both backends: the shadow."""

from __future__ import annotations

from deploy.grafana.expressions import MODEL, buckets, quantile, rate_by
from deploy.grafana.frames import Row
from deploy.grafana.panels import About, Columns, Limits, Query, figures, heat_map, lines, rows

NO_SHADOW = "this model has no shadow: see the key shadow of turnout.yaml"
SHADOW_LATENCY = "turnout_shadow_duration_seconds"
PARITY = "turnout_parity_max_abs_error"


def same_requests() -> Row:
    """Return the row."""
    pair = "model, backend, role"
    new, old = (f'{MODEL},role="{role}"' for role in ("shadow", "serves"))
    compared = f'turnout_shadow_comparisons_total{{{MODEL},verdict!="dropped"}}'
    wrong = f'turnout_shadow_comparisons_total{{{MODEL},verdict=~"mismatch|error"}}'
    return Row(
        "The same requests on both: shadow",
        (
            lines(
                About(
                    "Verdicts",
                    "Mirrored requests a second: match, mismatch, error (the shadow gave no answer), dropped (not compared, "
                    "for lack of time or room).",
                    "reqps",
                    NO_SHADOW,
                ),
                Query(
                    rate_by("model, backend, shadow, verdict", f"turnout_shadow_comparisons_total{{{MODEL}}}"),
                    "{{shadow}} {{verdict}}",
                ),
                stacked=True,
            ),
            figures(
                About(
                    "Mismatch ratio",
                    "Wrong answers and errors among all comparisons: promote_when.mismatch_ratio is its limit.",
                    "percentunit",
                    NO_SHADOW,
                    width=4,
                ),
                Query(f"{rate_by('model', wrong)} / {rate_by('model', compared)}", "mismatch ratio"),
                limits=Limits(0.0001, 0.001),
            ),
            rows(
                About("Comparisons since the start", "Counters since the processes started.", "short", NO_SHADOW, width=12),
                Columns({"backend": "Serves", "shadow": "Shadow", "verdict": "Verdict"}),
                Query(
                    f"sum by (backend, shadow, verdict) (turnout_shadow_comparisons_total{{{MODEL}}})",
                    "Requests",
                ),
            ),
            lines(
                About(
                    "Latency p95 of the mirrored requests",
                    "The same requests on both backends, so the lines can be compared.",
                    "s",
                    NO_SHADOW,
                ),
                Query(quantile(0.95, pair, SHADOW_LATENCY, MODEL), "{{backend}} {{role}}"),
            ),
            lines(
                About(
                    "p95 of the shadow, times the serving p95",
                    "Below 1 the new backend is faster. promote_when.p95_ratio is its limit.",
                    "none",
                    NO_SHADOW,
                ),
                Query(
                    f"{quantile(0.95, 'model', SHADOW_LATENCY, new)} / {quantile(0.95, 'model', SHADOW_LATENCY, old)}",
                    "shadow / serves",
                ),
            ),
            lines(
                About(
                    "Parity error",
                    "The greatest difference between the answers of a request: the median, the 99th percentile and the maximum "
                    "over requests, as powers of ten. Compare it with your tolerance.",
                    "sci",
                    NO_SHADOW,
                ),
                *(
                    Query(quantile(q, "model, shadow", PARITY, MODEL), f"{name} against {{{{shadow}}}}")
                    for q, name in ((0.5, "p50"), (0.99, "p99"), (1, "max"))
                ),
                logarithmic=True,
            ),
            heat_map(
                About("Parity error heat map", "How many compared requests had which error.", "sci", NO_SHADOW, width=24),
                Query(buckets(PARITY, MODEL), "{{le}}"),
            ),
        ),
    )
