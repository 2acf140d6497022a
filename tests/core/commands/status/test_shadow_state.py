"""Results of a shadow apply while its arms, tolerances and version are unchanged."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest

import turnout.commands.status.command
from turnout.commands.arm_proofs import Standing
from turnout.commands.status import ShadowState
from turnout.commands.status.arm_standing import arm_standing
from turnout.parity import Tolerances
from turnout.rollout.shadow import ShadowEvidence
from turnout.rollout.shadow.evidence_file import add_shadow_evidence
from turnout.serving.arm_identity import evidence_identity
from turnout.settings import load_settings

RULE = "    shadow: {backend: server, promote_when: {comparisons: 3}}\n"


def show(farm: Any, since: float | None = None, **verdicts: int) -> None:
    """Save evidence of the present settings."""
    plugins = turnout.commands.status.command.find_plugins()
    identity = evidence_identity(load_settings(farm.file, registry=plugins).model("m"), ("source", "server"), Tolerances())
    evidence = ShadowEvidence("m", "source", "server", identity, Counter(verdicts))
    evidence.since = evidence.updated = time.time() if since is None else since
    for _ in range(verdicts.get("match", 0)):
        evidence.primary_latencies.add(0.010)
        evidence.shadow_latencies.add(0.020)
    add_shadow_evidence(farm.file.parent / ".turnout" / "m.shadow.json", evidence)


def state(farm: Any) -> ShadowState:
    found = farm.status().facts.shadow
    assert found is not None
    return found


def test_a_shadow_is_ready_when_it_meets_the_rule_of_the_file(farm: Any) -> None:
    farm.file.write_text(farm.file.read_text() + RULE)
    show(farm, match=2, dropped=1)
    early = state(farm)
    show(farm, match=1)

    assert (early.ready, early.promotion) == (False, "not ready: 2 of 3 comparisons are done")
    assert (state(farm).ready, state(farm).promotion) == (True, "ready")
    assert state(farm).verdicts == {"match": 3, "mismatch": 0, "error": 0, "dropped": 1}
    assert state(farm).p95_ratio == pytest.approx(2.0, rel=0.03)


def test_a_shadow_that_is_ready_proves_both_backends_as_verify_does(farm: Any) -> None:
    farm.file.write_text(farm.file.read_text() + RULE)
    show(farm, match=2)
    early = farm.status().facts.proved
    show(farm, match=1)
    ready = farm.status().facts.proved
    farm.file.write_text(farm.file.read_text().replace("server:", "server: {url: other}", 1))

    assert (early, ready) == (frozenset(), {"source", "server"})
    assert farm.status().facts.proved == frozenset()


def test_mismatches_of_live_requests_make_the_answers_of_the_shadow_wrong(farm: Any) -> None:
    farm.file.write_text(farm.file.read_text() + RULE)
    show(farm, match=8, mismatch=2)
    plugins = turnout.commands.status.command.find_plugins()
    loaded = load_settings(farm.file, registry=plugins)

    shadow, primary = (arm_standing(loaded, plugins, loaded.model("m"), backend) for backend in ("server", "source"))

    assert (shadow.standing, shadow.other) == (Standing.WRONG, "source")
    assert shadow.text == "the shadow found 2 mismatches in 10 requests"
    assert primary.standing is Standing.UNKNOWN


def test_without_a_rule_the_default_rule_applies(farm: Any) -> None:
    show(farm, match=3)

    assert state(farm).promotion == "not ready: 3 of 1000 comparisons are done"


def test_the_results_stay_current_after_the_model_has_moved(farm: Any) -> None:
    farm.file.write_text(farm.file.read_text() + RULE)
    show(farm, match=3)
    farm.file.write_text(farm.file.read_text().replace("backend: source", "backend: server", 1))

    assert state(farm).current
    assert farm.status().facts.has_latency("server")


@pytest.mark.parametrize("change", [("server:", "server: {url: other}"), ("3}}", "3}, tolerance: {rtol: 0.5}}")])
def test_results_of_other_options_or_tolerances_are_not_current(farm: Any, change: tuple[str, str]) -> None:
    farm.file.write_text(farm.file.read_text() + RULE)
    show(farm, match=3)
    before = state(farm).current
    farm.file.write_text(farm.file.read_text().replace(*change))

    assert (before, state(farm).current) == (True, False)


def test_results_from_before_the_version_are_not_current(farm: Any) -> None:
    farm.publish()
    show(farm, since=time.time() - 3600, match=3)

    assert not state(farm).current


@pytest.mark.parametrize("value", [None, [], {}, "x", -1, 1e999, {"1": 1e999}, {"99999999": 5}])
@pytest.mark.parametrize("key", ["verdicts", "primary_latencies", "shadow_latencies", "since", "updated", "primary"])
def test_evidence_with_impossible_figures_raises_nothing(farm: Any, key: str, value: Any) -> None:
    farm.publish()
    show(farm, match=3)
    file = farm.file.parent / ".turnout" / "m.shadow.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {key: value}))
    odd = farm.status()
    file.write_text(json.dumps(content))

    assert json.dumps(odd.as_json())
    assert state(farm).current
