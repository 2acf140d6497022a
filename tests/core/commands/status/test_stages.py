"""The evidence for each stage; each piece of it is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from turnout.commands.status import MigrationStage, ModelFacts, ParityProof, PublishedVersion, ServerState, ShadowState
from turnout.commands.status.stages import stage_of

VERSION = PublishedVersion(1, "model_repository/m/1/model.onnx", "2026-01-01T00:00:00+00:00", "ab" * 32)
PROVED = ParityProof("match", "2026-01-02", True)
VERIFIED = ParityProof("match", "2026-01-02", True, ("here", "server"))
SHADOW = ShadowState("here", "server", {"match": 9}, 1.1, "2026-01-03", current=True, ready=True, promotion="ready")

ABSTRACT = ModelFacts("m", "source", ("source", "here", "server"), frozenset({"source"}), frozenset({"server"}))
EXPORTED = replace(ABSTRACT, version=VERSION, export=PROVED)
SERVED = replace(EXPORTED, backend="server", fallback="here", proved=frozenset({"here", "server"}))
TUNED = replace(SERVED, tuning=("dynamic_batching",), shadow=SHADOW)


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        (ABSTRACT, MigrationStage.ABSTRACT),
        (EXPORTED, MigrationStage.EXPORTED),
        (SERVED, MigrationStage.SERVED),
        (TUNED, MigrationStage.TUNED),
    ],
)
def test_each_stage_is_shown_by_its_evidence(facts: ModelFacts, stage: MigrationStage) -> None:
    assert stage_of(facts) is stage


@pytest.mark.parametrize(
    "change",
    [
        {"version": None},
        {"export": None},
        {"export": replace(PROVED, current=False)},
        {"export": replace(PROVED, verdict="mismatch")},
        {"export": replace(PROVED, verdict="dropped")},
    ],
)
def test_a_version_that_is_missing_or_not_proved_is_not_exported(change: dict[str, Any]) -> None:
    assert stage_of(replace(EXPORTED, **change)) is MigrationStage.ABSTRACT


def test_a_version_that_was_verified_after_it_was_published_is_exported() -> None:
    assert stage_of(replace(EXPORTED, export=None, verify=VERIFIED)) is MigrationStage.EXPORTED


@pytest.mark.parametrize(
    "change",
    [
        {"fallback": None},
        {"fallback": "server"},
        {"proved": frozenset()},
        {"proved": frozenset({"source", "here"})},
        {"backend": "here"},
        {"remote": frozenset()},
    ],
)
def test_a_server_counts_only_with_proof_and_fallback(change: dict[str, Any]) -> None:
    assert stage_of(replace(SERVED, **change)) is MigrationStage.EXPORTED


@pytest.mark.parametrize("part", ["canary", "shadowed"])
def test_a_server_as_canary_or_shadow_needs_no_fallback(part: str) -> None:
    facts = replace(SERVED, backend="here", fallback=None)

    assert stage_of(replace(facts, **{part: "server"})) is MigrationStage.SERVED
    assert stage_of(replace(facts, **{part: "here"})) is MigrationStage.EXPORTED


@pytest.mark.parametrize(
    "change",
    [
        {"tuning": ()},
        {"shadow": None},
        {"shadow": replace(SHADOW, current=False)},
        {"shadow": replace(SHADOW, p95_ratio=None)},
        {"shadow": replace(SHADOW, shadow="here", primary="source")},
        {"servers": (ServerState("server", True, False, "max_batch_size differs"),)},
        {"backend": "here", "canary": "server"},
    ],
)
def test_a_server_is_tuned_only_when_it_serves_merges_and_was_measured(change: dict[str, Any]) -> None:
    assert stage_of(replace(TUNED, **change)) is MigrationStage.SERVED


def test_a_server_that_is_down_does_not_lower_the_stage() -> None:
    down = ServerState("server", False, False, "refused")

    assert stage_of(replace(TUNED, servers=(down,))) is MigrationStage.TUNED
