"""The parts of a latency."""

from __future__ import annotations

import pytest

from turnout.commands.bench.counts import ArmCounts
from turnout.commands.bench.where_time_goes import PARTS, RequestSums, divide_latency
from turnout.plugins.statistics import ServerStatistics


def sums(
    requests: int, seconds: float, timings: dict[str, float], reported: int | None = None, **counts: object
) -> RequestSums:
    return RequestSums(requests, seconds, timings, requests if reported is None else reported, ArmCounts(**counts))  # type: ignore[arg-type]


def test_a_model_in_this_process_computes_and_the_rest_is_named() -> None:
    parts = divide_latency(0.010, {}, [sums(100, 1.0, {}, executions=100, execution_seconds=0.9)])

    assert parts == pytest.approx({"compute": 0.009, "other": 0.001})


def test_requests_of_a_batch_each_wait_for_all_of_it() -> None:
    """Of 100 requests 80 ran in ten batches of 8, which took 5 ms each, and 20 alone, in 2 ms."""
    timings = {"queue": 0.4, "execution": 80 * 0.005}
    one = sums(100, 1.0, timings, 80, executions=30, execution_seconds=10 * 0.005 + 20 * 0.002)

    parts = divide_latency(0.010, {}, [one])

    assert parts["queue"] == pytest.approx(0.004)
    # The lone ones count with the mean of all executions.
    assert parts["compute"] == pytest.approx((0.4 + 20 * 0.09 / 30) / 100)
    assert sum(parts.values()) == pytest.approx(0.010)


def test_a_server_has_its_queue_and_its_compute_and_the_wire_is_the_rest_of_the_round_trip() -> None:
    timings = {"encode": 0.1, "round_trip": 0.8, "decode": 0.05}
    server = ServerStatistics(50, queue_seconds=0.1, compute_seconds=0.2)

    parts = divide_latency(0.010, {}, [sums(100, 1.0, timings, server=server, executions=100, execution_seconds=0.99)])

    # The server had counted half of the requests by then: its means count.
    assert parts == pytest.approx(
        {"encode": 0.001, "wire": 0.002, "server queue": 0.002, "server compute": 0.004, "decode": 0.0005, "other": 0.0005}
    )


def test_a_server_without_statistics_is_all_wire() -> None:
    parts = divide_latency(0.010, {}, [sums(100, 1.0, {"encode": 0.1, "round_trip": 0.8, "decode": 0.1})])

    assert parts == pytest.approx({"encode": 0.001, "wire": 0.008, "decode": 0.001})


def test_the_requests_of_a_pipeline_overlap_and_the_parts_still_add_up() -> None:
    """A run of 100 ms works for 30 ms itself; its ten requests were in flight for 400 ms together, 100 of them in a queue."""
    own = {"preprocess": 0.02, "postprocess": 0.01}
    models = [
        sums(5, 0.2, {"queue": 0.1, "execution": 0.1}),
        sums(5, 0.2, {}, 0, executions=5, execution_seconds=0.2),
    ]

    parts = divide_latency(0.1, own, models)

    assert parts == pytest.approx({"preprocess": 0.02, "queue": 0.0175, "compute": 0.0525, "postprocess": 0.01})
    assert list(parts) == [part for part in PARTS if part in parts]


def test_parts_that_were_measured_longer_than_the_whole_are_made_to_fit() -> None:
    parts = divide_latency(0.010, {}, [sums(100, 1.0, {"queue": 0.5}, executions=100, execution_seconds=1.5, reported=0)])

    assert parts == pytest.approx({"queue": 0.0025, "compute": 0.0075})


def test_a_pipeline_without_models_is_its_steps() -> None:
    assert divide_latency(0.010, {"process": 0.009}, []) == pytest.approx({"process": 0.009, "other": 0.001})
