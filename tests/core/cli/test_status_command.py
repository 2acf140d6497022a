"""``turnout status``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import turnout.commands.status
from turnout.commands.status import (
    MigrationStage,
    ModelFacts,
    ModelStatus,
    NextStep,
    ParityProof,
    PublishedVersion,
    ServerState,
    ShadowState,
)

FACTS = ModelFacts(
    "m",
    "server",
    ("here", "server"),
    remote=frozenset({"server"}),
    fallback="here",
    tuning=("dynamic_batching",),
    recorded=3,
    version=PublishedVersion(2, "repository/m/2/model.onnx", "2026-01-02T03:04:05+00:00", "0123456789abcdef" * 4),
    export=ParityProof("match", "2026-01-02T03:04:06+00:00", True, (), "a answers as b"),
    verify=ParityProof("match", "2026-01-02T03:05:06+00:00", True, ("here", "server"), "server against here, 3 requests"),
    shadow=ShadowState("here", "server", {"match": 5, "dropped": 0}, 1.5, "2026-01-02T03:06:00+00:00", True, True, "ready"),
    servers=(ServerState("server", False, False, "refused"),),
)


@pytest.fixture
def status(cli: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the command with the given facts."""

    def run(facts: ModelFacts, *arguments: str) -> Any:
        found = ModelStatus(facts, MigrationStage.SERVED, NextStep("turnout triton serve", "it does not answer"))
        monkeypatch.setattr(turnout.commands.status, "status_of_file", lambda file, model: [found])
        return cli("status", *arguments)

    return run


def test_one_screen_has_the_stage_the_evidence_and_the_next_command(status: Any) -> None:
    ended = status(FACTS)

    assert (ended.code, ended.err) == (0, "")
    proved = "match 2026-01-02 03:04: a answers as b"
    assert ended.out.splitlines() == [
        "m: stage 3 of 4, served",
        "  serves    server, fallback here, dynamic_batching",
        f"  exported  version 2, repository/m/2/model.onnx, 2026-01-02 03:04, fingerprint 0123456789ab; {proved}",
        "  verified  match 2026-01-02 03:05: server against here, 3 requests",
        "  recorded  3",
        "  shadow    server against here: ready; 5 match, p95 1.50 x; 2026-01-02 03:06",
        "  on server refused",
        "  next      turnout triton serve",
        "            it does not answer",
    ]


def test_a_proof_without_a_model_repository_is_about_the_files_of_the_backends(status: Any) -> None:
    bare = replace(FACTS, version=None, verify=ParityProof("match", "2026-01-02T03:05", current=False), export=None)

    assert "files have changed" not in status(replace(bare, proved=frozenset({bare.backend}))).out
    assert "match 2026-01-02 03:05; the files have changed since" in status(replace(bare, proved=frozenset())).out


def test_proof_that_is_of_other_files_says_so(status: Any) -> None:
    stale = replace(FACTS.shadow, current=False) if FACTS.shadow else None
    changed = replace(FACTS, verify=ParityProof("match", "2026-01-02T03:05", current=False), shadow=stale, export=None)

    out = status(changed).out

    assert "match 2026-01-02 03:05; the files have changed since" in out
    assert "server against here: of other settings or another version; 5 match" in out
    assert "not proved at export" in out


def test_a_proof_of_another_version_says_that_this_one_was_not_compared(status: Any) -> None:
    proof = ParityProof("match", "2026-01-02T03:05", False, (), "a answers as b", other_version=3)

    out = status(replace(FACTS, verify=proof, export=proof)).out

    assert out.count("version 2 was not compared; match 2026-01-02 03:05 is of version 3") == 2
    assert "a answers as b" not in out
    assert "the files have changed" not in out


def test_every_backend_that_receives_requests_is_listed(status: Any) -> None:
    facts = replace(
        FACTS, backend="here", canary="server", weight=0.1, shadowed="server", shadow=None, version=None, folder="f"
    )

    lines = status(facts).out.splitlines()

    assert "  serves    here, canary server 0.1, shadow server, dynamic_batching" in lines
    assert "  exported  no version in f" in lines
    assert "  shadow    no comparison yet" in lines


def test_a_model_that_no_backend_serves_ends_with_3(status: Any) -> None:
    assert status(replace(FACTS, fallback=None)).code == 3
    assert status(replace(FACTS, fallback=None), "--json").code == 3
    assert status(FACTS).code == 0


def test_json_has_the_same(status: Any) -> None:
    [found] = json.loads(status(FACTS, "--json").out)

    assert (found["stage"], found["next"]["command"], found["backend"]) == (3, "turnout triton serve", "server")
    assert found["shadow"]["promotion"] == "ready"


def test_every_model_of_a_file_or_one(cli: Any, settings_file: Path) -> None:
    every, one = cli("status"), cli("status", "second", "--json")

    assert (every.code, every.err) == (0, "")
    assert [line for line in every.out.splitlines() if "stage" in line] == [
        "first: stage 1 of 4, abstract",
        "second: stage 1 of 4, abstract",
    ]
    assert "turnout export first --format text" in every.out
    assert [status["model"] for status in json.loads(one.out)] == ["second"]


def test_an_unknown_model_and_a_wrong_file_end_with_2(cli: Any, settings_file: Path) -> None:
    unknown = cli("status", "frist")
    settings_file.write_text("models: 5\n")

    assert (unknown.code, unknown.out) == (2, "")
    assert "Did you mean 'first'?" in unknown.err
    assert cli("status").code == 2
