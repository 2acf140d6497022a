"""The settings that a run recommends."""

from __future__ import annotations

from tests.core.commands.bench.kit import figures

from turnout.commands.bench.recommendation import Recommendation, recommend


def test_merging_is_recommended_where_it_is_clearly_faster() -> None:
    found = recommend([figures(batching=False), figures(batching=True, per_second=310.0)])

    assert found == Recommendation("dynamic_batching: {}: 3.1 x at 8 callers", True)
    assert found.changes


def test_not_merging_is_recommended_where_merging_is_slower() -> None:
    found = recommend([figures(batching=True, per_second=50.0), figures(batching=False)])

    assert found == Recommendation("no dynamic_batching: 2 x at 8 callers", False)


def test_a_small_gain_changes_nothing() -> None:
    found = recommend([figures(batching=False), figures(batching=True, per_second=104.0)])

    assert found == Recommendation("keep the present settings: nothing else is clearly faster at 8 callers")
    assert not found.changes


def test_the_fastest_of_several_arms_is_recommended() -> None:
    found = recommend(
        [
            figures(batching=False),
            figures(batching=True, per_second=150.0),
            figures(batching=False, per_second=130.0, instances=2),
            figures(batching=True, per_second=190.0, instances=2),
        ]
    )

    assert found == Recommendation("dynamic_batching: {} and instance_group with count 2: 1.9 x at 8 callers", True, None, 2)


def test_another_delay_is_recommended_alone() -> None:
    found = recommend([figures(batching=True), figures(batching=True, delay=0, per_second=150.0), figures(batching=False)])

    assert found == Recommendation("dynamic_batching: {max_queue_delay_microseconds: 0}: 1.5 x at 8 callers", None, 0)


def test_a_delay_with_merging_is_recommended_together() -> None:
    found = recommend([figures(batching=False), figures(batching=True, delay=500, per_second=150.0)])

    assert (found and found.batching, found and found.delay) == (True, 500)


def test_only_the_serving_backend_and_the_greatest_load_count() -> None:
    found = recommend(
        [
            figures(batching=False, callers=1),
            figures(batching=False),
            figures(batching=True, per_second=104.0),
            figures("other", True, per_second=900.0),
            figures("other", False),
        ]
    )

    assert found is not None
    assert not found.changes


def test_an_arm_that_fails_is_not_recommended() -> None:
    failing = figures(batching=True, per_second=900.0, failed={"X": 1}, said={"X": "x"})

    assert recommend([figures(batching=False), failing]) is None


def test_one_arm_alone_says_nothing() -> None:
    assert recommend([figures(), figures(callers=1), figures("other")]) is None


def test_a_delay_that_only_costs_a_lone_caller_is_dropped() -> None:
    found = recommend(
        [
            figures(batching=True, callers=1),
            figures(batching=True, delay=0, callers=1, per_second=240.0),
            figures(batching=True),
            figures(batching=True, delay=0, per_second=98.0),
            figures(batching=False),
        ]
    )

    assert found == Recommendation(
        "dynamic_batching: {max_queue_delay_microseconds: 0}: 2.4 x at 1 caller, and not clearly slower at 8 callers (0.98 x)",
        None,
        0,
    )


def test_a_delay_that_earns_what_it_costs_stays() -> None:
    found = recommend(
        [
            figures(batching=True, callers=1),
            figures(batching=True, delay=0, callers=1, per_second=240.0),
            figures(batching=True),
            figures(batching=True, delay=0, per_second=60.0),
        ]
    )

    assert found is not None
    assert not found.changes
