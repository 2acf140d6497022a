"""The catalogue and the registry have the same families."""

from __future__ import annotations

from collections import Counter as Counts

from prometheus_client import Counter

from turnout.metrics import Metrics
from turnout.metrics.catalogue import FAMILIES

# Families of hardware that a test machine need not have are created when it is found.
OPTIONAL = {family.name for family in FAMILIES if family.name.startswith("turnout_gpu_")}


def differences(metrics: Metrics) -> set[str]:
    """Return the families that only the catalogue or only the registry of ``metrics`` has, with kind, labels aside."""
    found = {
        (f"{metric.name}_total" if metric.type == "counter" else metric.name, metric.type)
        for metric in metrics.registry.collect()
    }
    declared = {(family.name, family.kind) for family in FAMILIES}
    return {name for name, _ in found ^ declared} - OPTIONAL


def test_every_family_is_declared_and_every_declared_one_exists() -> None:
    assert differences(Metrics()) == set()


def test_a_family_that_is_not_declared_is_found() -> None:
    metrics = Metrics()

    Counter("turnout_planted", "Planted.", registry=metrics.registry)

    assert differences(metrics) == {"turnout_planted_total"}


def test_names_are_unique_and_units_stand_in_them() -> None:
    assert [name for name, count in Counts(family.name for family in FAMILIES).items() if count > 1] == []
    for family in FAMILIES:
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        if family.unit in ("seconds", "bytes"):
            assert family.unit in family.name, family.name
