from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from turnout.cli.options import complete_backends


@pytest.fixture
def verify(cli: Any, backends_file: Path) -> Any:
    """Return the command line in a folder with a turnout.yaml whose model can be verified."""
    return cli


def test_equal_backends_end_with_0_and_a_table(verify: Any) -> None:
    ended = verify("verify", "m", "--against", "kept")

    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0] == "m on plus, 4 requests: generated from its signature"
    assert lines[1].split("  ")[0] == "backend"
    assert lines[2].split()[:6] == ["kept", "x", "4/4", "0", "0", "0"]
    assert lines[3:] == [
        "batching on plus: match (2, 3, 4 rows alone and together)",
        "batching on kept: match (2, 3, 4 rows alone and together)",
        "verdict: match",
    ]


def test_answers_that_differ_end_with_1_and_the_place(verify: Any) -> None:
    np.savez("request.npz", x=np.array([[1, 2, 3]], np.float32))
    verify("record", "m", "request.npz")
    record = next(Path("recordings/m").glob("*.npz"))
    content = record.read_bytes()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("turnout.testing.fakes._plus_one", lambda array: array + np.float32([1, 1, 1.01]))
        ended = verify("verify", "m", "--against", "kept")

    assert ended.code == 1
    assert "FAIL 'recorded': output 'x' differs by more than rtol 0.001, atol 0.0001 in 1 of 3 elements" in ended.out
    assert "verdict: mismatch" in ended.out
    assert ended.err.endswith("saved .turnout/m.worst-recorded.npz\nnext: turnout verify m --ignore-answers\n")
    assert record.read_bytes() == content
    assert verify("verify", "m", "--against", "kept").code == 0


def test_json_has_the_figures_and_nothing_else_on_stdout(verify: Any) -> None:
    output = json.loads(verify("verify", "m", "--against", "kept", "--generate", "2", "--json").out)

    assert (output["verdict"], output["requests"], output["reference"], output["saved"]) == ("match", 2, "plus", [])
    assert output["arms"][0]["outputs"]["x"]["max_abs_error"] == 0.0
    assert [arm["backend"] for arm in output["batching"]] == ["plus", "kept"]


def test_a_backend_that_cannot_be_reached_ends_with_3(verify: Any) -> None:
    ended = verify("verify", "m", "--against", "away")

    assert (ended.code, ended.out) == (3, "")
    assert "connection refused at port 1" in ended.err
    assert verify("verify", "m", "--against", "kept").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--against", "lost"), "cannot be opened on backend 'lost'"),
        (("--against", "keptt"), "Did you mean 'kept'?"),
        (("--generate", "1", "--recording", "x"), "give one of --recording, --inputs and --generate"),
        (("--shape", "x:3"), "write NAME=SIZE,SIZE,..."),
        (("--batch", "-1"), "is not in the range"),
    ],
)
def test_wrong_arguments_end_with_2(verify: Any, arguments: tuple[str, ...], words: str) -> None:
    ended = verify("verify", "m", *arguments)

    assert ended.code == 2
    assert words in ended.err


def test_a_recording_that_is_not_there_ends_with_1(verify: Any) -> None:
    ended = verify("verify", "m", "--against", "kept", "--recording", "nowhere")

    assert ended.code == 1
    assert "folder 'nowhere' has no records; record some: turnout record MODEL ..." in ended.err


def test_recording_prints_the_folder_and_the_next_command(verify: Any) -> None:
    np.savez("request.npz", x=np.array([[1, 2, 3]], np.float32))

    ended = verify("record", "m", "request.npz")

    assert (ended.code, ended.out) == (0, "recorded 1 request of m in recordings/m, which holds 1\n")
    assert ended.err.endswith("next: turnout verify m\n")
    assert json.loads(verify("record", "m", "request.npz", "--json").out)["held"] == 2
    assert verify("verify", "m", "--against", "kept").code == 0


def test_a_file_that_is_no_npz_fails_the_recording(verify: Any) -> None:
    Path("bad.npz").write_text("no zip")

    ended = verify("record", "m", "bad.npz")

    assert ended.code == 1
    assert "failed: bad.npz: 'bad.npz' is not a record" in ended.err


def test_the_next_command_sends_the_worst_request_again(verify: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(100))
    with monkeypatch.context() as patched:
        patched.setattr("turnout.testing.fakes._plus_one", lambda array: array + np.float32(next(numbers)))
        ended = verify("verify", "m", "--against", "kept", "--batch", "0")

    assert ended.code == 1
    again = ended.err.splitlines()[-1].removeprefix("next: turnout ").split()
    assert again == ["verify", "m", "--against", "kept", "--inputs", ".turnout/m.worst-kept.npz"]
    assert verify(*again, "--ignore-answers").code == 0


def test_backends_are_completed(verify: Any) -> None:
    completed = complete_backends(click.Context(click.Command("verify")), click.Option(["--against"]), "ke")

    assert [item.value for item in completed] == ["kept"]


def test_without_arguments_every_model_is_compared_with_what_can_be_used_here(cli: Any) -> None:
    Path("turnout.yaml").write_text(
        'models:\n  a: {backend: plus, inputs: {x: "FP32[3]"}, backends: {plus: , kept: , away: , gone: {}}}\n'
        '  b: {backend: plus, inputs: {x: "FP32[-1]"}, backends: {plus: , kept: }}\n'
    )

    ended, listed = cli("verify"), json.loads(cli("verify", "--json").out)

    assert ended.code == 0
    assert ended.out.count("verdict: match") == 2
    assert "note: 'away' of model 'a' was left out: connection refused at port 1" in ended.err
    assert "note: 'gone' of model 'a' was left out: unknown backend 'gone'" in ended.err
    assert "b on plus, 4 requests: generated from its signature, free sizes as with --shape x=8" in ended.out
    assert [left["backend"] for left in listed["models"][0]["left_out"]] == ["away", "gone"]
    assert (listed["exit_code"], [one["verdict"] for one in listed["models"]]) == (0, ["match", "match"])


def test_a_model_that_nothing_was_compared_with_is_a_failure_and_keeps_the_old_proof(cli: Any) -> None:
    settings = 'models: {{m: {{backend: plus, inputs: {{x: "FP32[3]"}}, backends: {{plus: , {}: }}}}}}\n'
    Path("turnout.yaml").write_text(settings.format("kept"))
    assert cli("verify").code == 0
    proof = Path(".turnout/m.verify.json").read_text()
    Path("turnout.yaml").write_text(settings.format("away"))

    ended = cli("verify")

    assert ended.code == 1
    assert "FAIL nothing was compared: model 'm' has no other backend that can be used here" in ended.out
    assert "verdict: error" in ended.out
    assert ended.err.splitlines()[-1] == "next: turnout record --help"
    assert Path(".turnout/m.verify.json").read_text() == proof


def test_one_model_that_cannot_be_opened_does_not_stop_the_others(cli: Any) -> None:
    Path("turnout.yaml").write_text(
        "models:\n  a: {backend: lost, backends: {lost: }}\n"
        '  b: {backend: plus, inputs: {x: "FP32[3]"}, backends: {plus: , kept: }}\n'
    )

    ended = cli("verify")

    assert (ended.code, "verdict: match" in ended.out) == (2, True)
    assert "FAIL: model 'a': model 'a' cannot be opened on backend 'lost'" in ended.err
    assert ended.err.splitlines()[-1] == "next: turnout status a"
    assert cli("verify", "b").code == 0


def test_arrays_of_one_model_need_its_name(cli: Any, backends_file: Path) -> None:
    assert cli("verify", "--shape", "x=3").code == 2
    assert cli("bench", "--shape", "x=3").code == 2


def test_a_folder_of_arrays_is_recorded(verify: Any) -> None:
    Path("arrays").mkdir()
    for number in range(3):
        np.savez(f"arrays/{number}.npz", x=np.full((1, 3), number, np.float32))

    ended = verify("record", "m", "arrays")

    assert (ended.code, ended.out) == (0, "recorded 3 requests of m in recordings/m, which holds 3\n")
    assert verify("verify", "m", "--against", "kept").code == 0
