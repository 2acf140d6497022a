"""Metrics of roles: one value for all apps of a process."""

from __future__ import annotations

import pytest

from turnout.metrics import Metrics
from turnout.metrics.labels import Role

ROLES = {Role.SERVES: "a", Role.CANARY: "b", Role.FALLBACK: "c"}


def _held(metrics: Metrics, model: str = "m") -> dict[str, set[str]]:
    """Return the backends with each role."""
    samples = {
        (sample.labels["role"], sample.labels["backend"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "turnout_serving" and sample.labels["model"] == model
    }
    assert set(samples.values()) <= {0, 1}
    return {str(role): {backend for (name, backend), value in samples.items() if name == role and value} for role in Role}


def _weight(metrics: Metrics, backend: str) -> float | None:
    return metrics.registry.get_sample_value("turnout_canary_weight", {"model": "m", "backend": backend})


def test_every_backend_has_a_series_for_each_role_and_a_weight() -> None:
    metrics = Metrics()
    metrics.serving.meter("m").show(["a", "b", "c", "d"], ROLES, 0.25)

    assert _held(metrics) == {"serves": {"a"}, "canary": {"b"}, "shadow": set(), "fallback": {"c"}}
    assert metrics.render().count("turnout_serving{") == 4 * len(Role)
    assert [_weight(metrics, backend) for backend in "abcd"] == [0, 0.25, 0, 0]


def test_a_role_that_moves_leaves_zeros() -> None:
    metrics = Metrics()
    meter = metrics.serving.meter("m")
    meter.show("abc", ROLES, 0.25)

    meter.show("ab", {Role.SERVES: "b"})

    assert _held(metrics) == {"serves": {"b"}, "canary": set(), "shadow": set(), "fallback": set()}
    assert [_weight(metrics, backend) for backend in "abc"] == [0, 0, 0]


def test_apps_of_one_process_that_share_metrics_hide_no_role_of_each_other() -> None:
    metrics = Metrics()
    first, second, other = (metrics.serving.meter(model) for model in ("m", "m", "n"))
    first.show("ab", {Role.SERVES: "a", Role.CANARY: "b"}, 0.25)
    second.show("ab", {Role.SERVES: "b"})
    other.show("ab", {Role.SERVES: "a"})

    both, share = _held(metrics), _weight(metrics, "b")
    first.close()

    assert (both["serves"], both["canary"], share) == ({"a", "b"}, {"b"}, 0.25)
    assert (_held(metrics)["serves"], _held(metrics)["canary"], _weight(metrics, "b")) == ({"b"}, set(), 0)
    assert _held(metrics, "n")["serves"] == {"a"}


@pytest.mark.parametrize("times", [1, 2])
def test_a_closed_meter_reports_nothing_any_longer(times: int) -> None:
    metrics = Metrics()
    meter = metrics.serving.meter("m")
    meter.show("ab", ROLES, 0.25)

    for _ in range(times):
        meter.close()
    meter.show("ab", ROLES, 0.25)  # a reload that ends after the close

    assert not any(_held(metrics).values())
    assert _weight(metrics, "b") == 0
