"""The parts of a latency: what the steps, the queue, the wire, the server and the backend took, and what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from turnout.commands.bench.counts import ArmCounts
from turnout.commands.bench.load.outcome import add_seconds

PARTS = (
    *("process", "preprocess", "queue", "encode", "wire", "server queue", "server compute"),
    *("compute", "decode", "postprocess", "other"),
)
"""In the order of a request. ``process`` is the work of steps without a model; ``other`` is what no part accounts for."""
OWN_PARTS = ("process", "preprocess", "postprocess")

_ROUND_TRIP, _EXECUTION = "round_trip", "execution"


@dataclass(frozen=True, slots=True)
class RequestSums:
    """The requests that one model answered during a load.

    Attributes:
        requests: their number.
        seconds: their latencies together.
        timings: the seconds of their parts together, as the responses reported them.
        reported: the number of responses that did; a lone request is not timed, for its caller's sake.
        counts: the counts of the arm meanwhile.
    """

    requests: int
    seconds: float
    timings: Mapping[str, float]
    reported: int = 0
    counts: ArmCounts = field(default_factory=ArmCounts)


def divide_latency(whole: float, own: Mapping[str, float], models: Iterable[RequestSums]) -> dict[str, float]:
    """Return the seconds of each part of a mean latency ``whole``; they add up to it.

    ``own`` are the parts outside of requests, such as the work of a pipeline's steps. The rest is divided in the proportion of
    the seconds that the requests of ``models`` spent in each part: requests of one run overlap, so their sum may be longer.
    """
    waiting = max(0.0, whole - sum(own.values()))
    spent: dict[str, float] = {}
    for model in models:
        add_seconds(spent, _parts_of(model))
    total = sum(spent.values())
    shares = {part: waiting * seconds / total for part, seconds in spent.items()} if total else {"other": waiting}
    found = {**own, **shares}
    found["other"] = found.get("other", 0.0) + whole - sum(found.values())
    return {part: found[part] for part in PARTS if found.get(part)}


def _parts_of(model: RequestSums) -> dict[str, float]:
    """Return the seconds that the requests of one model spent in each part, ``other`` included."""
    if not model.requests:
        return {}
    timings, counts = dict(model.timings), model.counts
    parts = {part: timings.get(part, 0.0) for part in ("queue", "encode", "decode")}
    round_trip = timings.get(_ROUND_TRIP)
    if counts.server is not None and counts.server.requests:
        # Of each request: a server may have answered others meanwhile, or may count this load's last answers later.
        share = model.requests / counts.server.requests
        parts["server queue"] = counts.server.queue_seconds * share
        parts["server compute"] = counts.server.compute_seconds * share
    if round_trip is not None:
        parts["wire"] = max(0.0, round_trip - parts.get("server queue", 0.0) - parts.get("server compute", 0.0))
    elif counts.server is None:
        parts["compute"] = timings.get(_EXECUTION, 0.0) + _untimed_seconds(model)
    known = sum(parts.values())
    # The means of a metric and of a server are of other moments than the latencies: parts never exceed the whole.
    if known > model.seconds > 0:
        return {part: seconds * model.seconds / known for part, seconds in parts.items()}
    return parts | {"other": model.seconds - known}


def _untimed_seconds(model: RequestSums) -> float:
    """Return the execution time of the requests that did not report it, as the mean of all executions."""
    counts, untimed = model.counts, model.requests - (model.reported if _EXECUTION in model.timings else 0)
    return untimed * counts.execution_seconds / counts.executions if counts.executions else 0.0
