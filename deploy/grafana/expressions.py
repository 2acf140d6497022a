"""PromQL: selectors, and the expressions that several panels share.

A sum over ``instance`` comes before a division, and a quantile after the sum of its buckets, so figures of several processes
are those of all their requests, not means of means.
"""

from __future__ import annotations

from turnout.metrics import Outcome

SERVER_JOB = "triton"
"""The job of the servers in prometheus.yml; the apps have the jobs of the variable ``job``."""

APP = 'job=~"$job",instance=~"$instance"'
MODEL = f'{APP},model=~"$model"'
ARM = f'{MODEL},backend=~"$backend"'
PIPELINE = f'{APP},pipeline=~"$pipeline"'
SERVER = 'job=~"$job",instance=~"$instance",model=~"$model"'
WINDOW = "$__rate_interval"

# The caller's own doing, and the end of an app, are no failures of a backend.
_NOT_FAILED = (Outcome.OK, Outcome.INVALID_REQUEST, Outcome.CANCELLED, Outcome.CLOSED)
FAILED = "|".join(outcome for outcome in Outcome if outcome not in _NOT_FAILED)
# Requests refused for these reasons are not in turnout_inference_requests_total; those of a full queue are.
NOT_COUNTED = "circuit_open|max_in_flight"


def rate(selector: str) -> str:
    """Return the rate of a counter, each series on its own."""
    return f"rate({selector}[{WINDOW}])"


def total(by: str, vector: str) -> str:
    """Return the sum of ``vector`` for each value of the labels ``by``."""
    return f"sum by ({by}) ({vector})" if by else f"sum({vector})"


def rate_by(by: str, selector: str) -> str:
    """Return the rate of a counter over all instances, for each value of the labels ``by``."""
    return total(by, rate(selector))


def rate_of_seen(by: str, selector: str) -> str:
    """Return the rate of those counters that grew in the time range: of many reasons, the few that happened."""
    return f"{rate_by(by, selector)} and {total(by, f'increase({selector}[$__range])')} > 0"


def quantile(q: float, by: str, histogram: str, labels: str) -> str:
    """Return a quantile of a histogram over all instances."""
    return f"histogram_quantile({q:g}, {rate_by(f'le, {by}' if by else 'le', f'{histogram}_bucket{{{labels}}}')})"


def mean(by: str, histogram: str, labels: str) -> str:
    """Return the mean of a histogram's observations."""
    return f"{rate_by(by, f'{histogram}_sum{{{labels}}}')} / {rate_by(by, f'{histogram}_count{{{labels}}}')}"


def buckets(histogram: str, labels: str) -> str:
    """Return a histogram's buckets for a heat map."""
    return f"sum by (le) (increase({histogram}_bucket{{{labels}}}[{WINDOW}]))"


def requests(by: str, labels: str) -> str:
    """Return the rate of requests that backends were asked for, refused ones included, cancelled ones not."""
    return total(by, _offered(f'{labels},outcome!="{Outcome.CANCELLED}"', labels))


def error_ratio(by: str, labels: str) -> str:
    """Return the share of requests that a backend failed, or that were refused before they reached it."""
    failed = total(by, _offered(f'{labels},outcome=~"{FAILED}"', labels))
    return f"{failed} / {requests(by, labels)}"


def _offered(counted: str, labels: str) -> str:
    # The two families have other labels, so that ``or`` is the union of both.
    refused = f'turnout_refused_requests_total{{{labels},reason=~"{NOT_COUNTED}"}}'
    return f"{rate(f'turnout_inference_requests_total{{{counted}}}')} or {rate(refused)}"


def unanswered(labels: str) -> str:
    """Return the rate of requests that no backend answered: failures that no fallback and no retry made good."""
    good = (
        f"turnout_fallbacks_total{{{labels}}}",
        f"turnout_retries_total{{{labels}}}",
        # No caller waits for a shadow.
        f'turnout_shadow_comparisons_total{{{labels},verdict="error"}}',
    )
    failed = _offered(f'{labels},outcome=~"{FAILED}"', labels)
    # Labels differ, so that ``or`` is the union of all.
    return f"clamp_min({total('model', ' or '.join([failed, *(f'-{rate(one)}' for one in good)]))}, 0)"


def answering(labels: str) -> str:
    """Return the rate of callers' requests by model and backend, of the backends that answer them: no fallback, no shadow.

    A backend that is a canary may also be the shadow; the copies that it compared are subtracted.
    """
    compared = rate(f'turnout_shadow_comparisons_total{{{labels},verdict!="dropped"}}')
    copies = f'label_replace({compared}, "backend", "$1", "shadow", "(.+)")'
    roles = f'turnout_serving{{{labels},role=~"serves|canary"}} == 1'
    counted = rate(f"turnout_inference_requests_total{{{labels}}}")
    return total("model, backend", f"({counted} or -{copies}) and on (job, instance, model, backend) ({roles})")


def share_of_model(rates: str) -> str:
    """Return the share of each backend in the requests of its model."""
    return f"{rates} / on (model) group_left () sum by (model) ({rates})"
