"""The status of a whole turnout.yaml, from valid and from damaged evidence."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import turnout.commands.status.command
import turnout.commands.status.proofs
from turnout import RepositoryFinding
from turnout.commands.arm_proofs import arm_states
from turnout.commands.status import MigrationStage, status_of_file
from turnout.errors import SettingsError, UnknownNameError
from turnout.files.fingerprint import fingerprint
from turnout.repository.evidence import Evidence, write_evidence
from turnout.settings import load_settings


def verified(farm: Any, *agreed: str, verdict: str = "match") -> None:
    version = farm.file.parent / "model_repository" / "m" / "1"
    arms = [{"backend": name, "verdict": verdict, "worst": ""} for name in agreed]
    facts = {"version": 1, "sha256": fingerprint(version), "reference": "source", "arms": arms, "requests": 3}
    plugins = turnout.commands.status.command.find_plugins()
    model = load_settings(farm.file, registry=plugins).model("m")
    states = arm_states(plugins, model, ("source", *agreed))
    facts["proofs"] = {name: {"verdict": verdict, "reference": "source", "states": states} for name in agreed}
    write_evidence(farm.file.parent, Evidence("m", "verify", verdict, facts=facts))


def test_a_model_goes_through_its_stages(farm: Any) -> None:
    stages = [farm.status().stage]
    farm.publish()
    stages.append(farm.status().stage)
    verified(farm, "here", "server")
    stages.append(farm.status().stage)
    farm.file.write_text(farm.file.read_text().replace("backend: source", "backend: server"))
    stages.append(farm.status().stage)

    assert stages == [MigrationStage.ABSTRACT, MigrationStage.ABSTRACT, MigrationStage.EXPORTED, MigrationStage.SERVED]


def test_a_file_that_changes_after_its_proof_lowers_the_stage(farm: Any) -> None:
    farm.publish()
    verified(farm, "here")
    farm.publish("version 1, retrained")

    status = farm.status()

    assert (status.stage, status.facts.verify.current) == (MigrationStage.ABSTRACT, False)
    assert status.next.command == "turnout verify m --against here"


def test_a_version_without_evidence_is_read_once(farm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    version = farm.publish()
    read: list[Path] = []
    monkeypatch.setattr(turnout.commands.status.proofs, "fingerprint", lambda path: read.append(path) or fingerprint(path))

    farm.status()

    assert read == [version]


def test_answers_that_differed_prove_nothing(farm: Any) -> None:
    farm.publish()
    verified(farm, "here", verdict="mismatch")

    assert farm.status().stage is MigrationStage.ABSTRACT


def test_facts_of_the_file_and_of_the_plugins_are_listed(farm: Any) -> None:
    parts = ("canary: {backend: server, weight: 0.25}", "shadow: {backend: here}", "max_batch_size: 4", "dynamic_batching: {}")
    farm.file.write_text(farm.file.read_text() + "".join(f"    {part}\n" for part in parts))

    facts = farm.status().facts

    assert (facts.canary, facts.weight, facts.shadowed) == ("server", 0.25, "here")
    assert (facts.tuning, facts.formats, facts.sources, facts.remote) == (
        ("dynamic_batching",),
        ("bin",),
        {"source"},
        {"server"},
    )


@pytest.mark.parametrize(
    ("options", "tuning"),
    [("{}", ()), ("{model_config: {instances: 2}}", ("instances",)), ("{model_config: {other: 2}}", ())],
)
def test_options_that_the_serving_backend_declares_are_tuning(farm: Any, options: str, tuning: tuple[str, ...]) -> None:
    text = farm.file.read_text().replace("backend: source", "backend: server", 1).replace("server:\n", f"server: {options}\n")
    farm.file.write_text(text)

    assert farm.status().facts.tuning == tuning


def test_the_command_of_a_declared_server_is_the_next_step(farm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(farm.file.parent)
    farm.publish()
    farm.answer = lambda: [RepositoryFinding(False, "refused", reached=False)]
    verified(farm, "here")

    assert farm.status().next.command == "serve it"


def test_the_command_of_a_server_names_a_repository_that_it_would_not_find_itself(
    farm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = farm.publish().parent.parent
    farm.answer = lambda: [RepositoryFinding(False, "refused", reached=False)]
    verified(farm, "here")

    monkeypatch.chdir(farm.file.parent.parent)
    above = farm.status().next.command
    (farm.file.parent / "else where").mkdir()
    monkeypatch.chdir(farm.file.parent / "else where")
    beside = farm.status().next.command

    assert (above, beside) == ("serve it --from 'work/model_repository'", f"serve it --from '{repository}'")


def test_a_model_without_a_server_gets_the_example_of_an_installed_backend(farm: Any) -> None:
    farm.publish()
    verified(farm, "here")
    farm.file.write_text(farm.file.read_text().replace("backend: source", "backend: here", 1).replace("      server:\n", ""))

    assert farm.status().next.command == "write 'server: {url: here}' under models.m.backends"


def test_a_canary_without_weight_and_a_shadow_of_itself_are_ignored(farm: Any) -> None:
    farm.file.write_text(farm.file.read_text() + "    canary: {backend: server, weight: 0}\n    shadow: {backend: source}\n")

    facts = farm.status().facts

    assert (facts.canary, facts.shadowed) == (None, None)


def test_the_server_is_checked(farm: Any) -> None:
    up = farm.status()
    farm.answer = lambda: [RepositoryFinding(False, "refused", reached=False)]
    down = farm.status()

    assert (up.facts.servers[0].reached, up.facts.servers[0].ok, up.facts.unreachable) == (True, True, frozenset())
    assert (down.facts.servers[0].reached, down.facts.servers[0].text, down.facts.unreachable) == (False, "refused", {"server"})


def test_one_live_replica_is_enough_to_be_reached(farm: Any) -> None:
    farm.answer = lambda: [RepositoryFinding(False, "refused", False), RepositoryFinding(True, "the same", True)]

    state = farm.status().facts.servers[0]

    assert (state.reached, state.ok, state.text) == (True, False, "refused")


def test_a_repository_check_that_raises_is_a_finding(farm: Any) -> None:
    def raise_() -> Any:
        raise KeyError("x")

    farm.answer = raise_

    state = farm.status().facts.servers[0]

    assert (state.reached, state.ok, state.text) == (None, False, "the check of 'kept' failed: KeyError: 'x'")


def test_the_servers_of_all_models_are_checked_at_the_same_time(farm: Any, limit_seconds: int) -> None:
    meeting = threading.Barrier(2, timeout=limit_seconds)

    def meet() -> list[RepositoryFinding]:
        meeting.wait()
        return [RepositoryFinding(True, "the same", True)]

    farm.answer = meet
    farm.file.write_text(farm.file.read_text() + farm.file.read_text().replace("models:\n", "").replace("  m:", "  n:"))

    assert [status.facts.servers[0].ok for status in status_of_file(farm.file)] == [True, True]


def test_a_model_is_unavailable_if_its_server_is_down_and_it_has_no_fallback(farm: Any) -> None:
    farm.answer = lambda: [RepositoryFinding(False, "refused", reached=False)]
    farm.file.write_text(farm.file.read_text().replace("backend: source", "backend: server", 1))
    caught = farm.status().unavailable
    farm.file.write_text(farm.file.read_text().replace("    fallback: source\n", ""))

    assert (caught, farm.status().unavailable) == (False, True)


TORN = ["", "{", "[]", "null", "5", '"x"', "\0\xff", "[" * 100_000, '{"format": 1}', '{"format": Infinity}']


@pytest.mark.parametrize("content", TORN, ids=range(len(TORN)))
def test_evidence_that_cannot_be_read_proves_nothing(farm: Any, content: str) -> None:
    farm.publish()
    verified(farm, "here")
    state = farm.file.parent / ".turnout"
    for topic in ("export", "verify", "shadow"):
        (state / f"m.{topic}.json").write_text(content, "utf-8")

    facts = farm.status().facts

    assert (facts.export, facts.verify, facts.shadow) == (None, None, None)


VALUES = [None, [], {}, "x", -1, 1e999, {"a": []}]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("key", ["verdict", "at", "facts"])
def test_evidence_with_any_value_at_any_key_raises_nothing(farm: Any, key: str, value: Any) -> None:
    farm.publish()
    verified(farm, "here")
    file = farm.file.parent / ".turnout" / "m.verify.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {key: value}))
    odd = farm.status()
    file.write_text(json.dumps(content))

    assert json.dumps(odd.as_json())
    assert farm.status().stage is MigrationStage.EXPORTED


@pytest.mark.parametrize("inside", ["state", "repository"])
def test_a_file_in_place_of_a_folder_raises_nothing(farm: Any, inside: str) -> None:
    (farm.file.parent / (".turnout" if inside == "state" else "model_repository")).write_text("a file")

    assert farm.status().stage is MigrationStage.ABSTRACT


def test_json_has_everything(farm: Any) -> None:
    farm.publish()
    verified(farm, "here")

    content = json.loads(json.dumps(farm.status().as_json()))

    assert (content["model"], content["stage"], content["stage_name"]) == ("m", 2, "exported")
    assert content["next"]["command"] == "turnout verify m --against server"
    assert content["verify"]["agreed"] == ["source", "here"]
    assert content["version"]["file"] == "model_repository/m/1/model.bin"


def test_unknown_models_and_wrong_files_are_refused(farm: Any, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown model 'n'; known: m"):
        farm.status("n")
    farm.file.write_text("models: 5\n")
    with pytest.raises(SettingsError):
        farm.status()
