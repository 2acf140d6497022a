"""The next command, from the first line of turnout.yaml to a tuned server."""

from __future__ import annotations

from dataclasses import replace

from turnout.commands.status import ModelFacts, ParityProof, PublishedVersion, ServerState, ShadowState
from turnout.commands.status.next_step import NextStep, next_step

BACKENDS = ("source", "here", "server")
START = ModelFacts(
    "m", "source", BACKENDS, frozenset({"source"}), frozenset({"server"}), {"server": "turnout server serve"}, ("onnx", "text")
)
VERSION = PublishedVersion(1, "m/1/model.onnx", "2026-01-01T00:00:00+00:00", "ab" * 32)
EXPORTED = replace(START, version=VERSION, export=ParityProof("match", "", True))
VERIFIED = replace(EXPORTED, proved=frozenset(BACKENDS), fallback="here")
DOWN = (ServerState("server", False, False, "refused"),)
UP = (ServerState("server", True, True, "the same"),)
READY = ShadowState("here", "server", {"match": 9}, 1.1, "", current=True, ready=True, promotion="ready")
SERVING = replace(VERIFIED, backend="server", servers=UP, tuning=("dynamic_batching",), shadow=READY)


def step(facts: ModelFacts) -> NextStep:
    return next_step(facts, "write 'server: {url: ...}'")


def command(facts: ModelFacts) -> str:
    return step(facts).command


def test_first_the_model_is_exported() -> None:
    assert command(START) == "turnout export m --format onnx"
    assert command(replace(START, formats=("text",))) == "turnout export m --format text"
    assert command(replace(START, formats=())).startswith("correct the options of ")
    unserved = replace(START, formats=(), missing={"remote": "pip install it"}, known_servers=frozenset({"remote"}))
    assert command(unserved).startswith("correct the options of ")
    assert command(replace(START, formats=(), missing={"source": "pip install it"})) == "pip install it"


def test_what_a_server_alone_has_needs_no_export() -> None:
    alone = replace(START, backend="server", backends=("server",), sources=frozenset(), formats=())

    assert command(replace(alone, servers=DOWN)) == "turnout server serve"
    assert command(replace(alone, servers=UP, recorded=3)) == "turnout verify m"
    asked = step(replace(alone, servers=UP))
    assert asked.command == "turnout record --help"
    assert asked.why.startswith("no evidence shows that 'server' gives the same answers, and the model has no other backend")


def test_a_version_without_proof_is_verified_on_a_local_backend() -> None:
    unproved = replace(EXPORTED, export=None)

    assert command(unproved) == "turnout verify m --against here"
    assert command(replace(unproved, backend="here")) == "turnout verify m --against source"
    assert "no evidence shows that version 1" in step(unproved).why


def test_a_version_that_has_changed_since_its_proof_is_verified() -> None:
    stale = replace(EXPORTED, export=ParityProof("match", "", current=False))

    assert command(stale) == "turnout verify m --against here"
    assert "have changed since the last comparison" in step(stale).why


def test_a_version_that_only_another_one_has_a_proof_of_was_not_compared() -> None:
    other = replace(EXPORTED, export=ParityProof("match", "", current=False, other_version=2))

    assert command(other) == "turnout verify m --against here"
    assert "no evidence shows that version 1" in step(other).why


def test_a_mismatch_of_verify_is_the_reason() -> None:
    wrong = replace(EXPORTED, export=None, verify=ParityProof("mismatch", "", True, ("source",), "here: output 'y' differs"))

    assert "here: output 'y' differs" in step(wrong).why


def test_a_model_with_one_backend_is_recorded_then_compared_with_its_recording() -> None:
    alone = replace(EXPORTED, backend="here", backends=("here",), remote=frozenset(), export=None)

    assert command(alone) == "turnout record --help"
    assert command(replace(alone, missing={"source": "pip install it"})) == "pip install it"
    assert command(replace(alone, recorded=3)) == "turnout verify m"


def test_without_a_server_the_exported_version_serves_locally() -> None:
    local = replace(EXPORTED, backends=("source", "here"), remote=frozenset())

    assert command(local) == "turnout verify m --against here"
    assert command(replace(local, proved=VERIFIED.proved)) == "turnout switch m here"
    moved = replace(local, backend="here", proved=VERIFIED.proved)
    assert step(moved) == NextStep("write 'server: {url: ...}'", "no server is configured")
    absent = replace(moved, missing={"server": "pip install it"}, known_servers=frozenset({"server"}))
    assert command(absent) == "pip install it"


def test_a_server_is_started_then_verified() -> None:
    assert command(replace(EXPORTED, servers=DOWN)) == "turnout server serve"
    assert command(replace(EXPORTED, servers=DOWN, serve_commands={})) == "turnout check --deep"
    assert command(replace(EXPORTED, servers=UP)) == "turnout verify m --against server"


def test_a_move_goes_by_fallback_shadow_canary_and_switch() -> None:
    shadowed = replace(VERIFIED, servers=UP, shadowed="server")

    assert "write 'fallback: here'" in step(replace(VERIFIED, servers=UP, fallback=None)).command
    assert command(replace(VERIFIED, servers=UP)) == "turnout switch m server --weight 0.1"
    assert command(shadowed) == "let the app run until the shadow has compared more answers"
    assert command(replace(shadowed, shadow=READY)) == "turnout switch m server --weight 0.1"
    assert command(replace(shadowed, shadow=READY, canary="server", weight=0.1)) == "turnout switch m server"


def test_a_shadow_with_mismatches_is_verified() -> None:
    wrong = replace(READY, verdicts={"match": 8, "mismatch": 1}, ready=False, promotion="not ready: 1 wrong answers")
    found = step(replace(VERIFIED, servers=UP, shadowed="server", shadow=wrong))

    assert found.command == "turnout verify m --against server"
    assert "not ready: 1 wrong answers" in found.why


def test_shadow_results_of_another_version_do_not_count() -> None:
    found = step(replace(VERIFIED, servers=UP, shadowed="server", shadow=replace(READY, current=False)))

    assert found.command == "let the app run until the shadow has compared more answers"
    assert "other settings or another version" in found.why


def test_a_served_model_gets_the_steps_that_it_lacks() -> None:
    differs = (ServerState("server", True, False, "max_batch_size differs"),)

    assert "write 'fallback: here'" in step(replace(SERVING, fallback=None)).command
    assert command(replace(SERVING, servers=DOWN)) == "turnout server serve"
    assert command(replace(SERVING, shadow=None, proved=frozenset())) == "turnout verify m --against here"
    assert step(replace(SERVING, servers=differs)).why == "max_batch_size differs"
    assert command(replace(SERVING, tuning=())).endswith("under models.m, then turnout export m --config-only")
    assert "write 'shadow: {backend: here}'" in step(replace(SERVING, shadow=None)).command


def test_at_the_end_every_step_is_done() -> None:
    assert step(SERVING).why.startswith("every step is done")


def test_a_config_is_written_before_a_server_reads_it() -> None:
    """Also while the server is down: it reads its configuration when it starts."""
    text = "there is no config.pbtxt; write it: turnout export m --config-only"
    for state in (ServerState("server", False, False, f"refused; {text}"), ServerState("server", True, False, text)):
        for facts in (EXPORTED, replace(SERVING, export=None), SERVING):
            assert command(replace(facts, servers=(state,))) == "turnout export m --config-only"
    by_hand = ServerState("server", True, False, "it differs: turnout export m --config-only --force-config")
    assert "--config-only" not in command(replace(EXPORTED, servers=(by_hand,)))
