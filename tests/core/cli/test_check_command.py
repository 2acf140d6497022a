"""``turnout check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import RepositoryFinding
from turnout.commands.check_result import CheckResult


def test_a_file_that_works_is_ok(cli: Any, settings_file: Path) -> None:
    ended = cli("check")

    assert (ended.code, ended.err) == (0, "")
    assert "2 models, 1 pipeline\n" in ended.out
    assert "inputs image [regions]; steps look, describe" in ended.out


def test_deep_opens_every_model_and_prints_its_tensors(cli: Any, settings_file: Path) -> None:
    ended = cli("check", "--deep")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("plus: x FP32 [-1] -> x FP32 [-1]") == 2


def test_without_deep_not_even_a_preloaded_model_is_opened(cli: Any, settings_file: Path) -> None:
    settings_file.write_text(settings_file.read_text().replace("    backend: plus ", "    preload: true\n    backend: away "))

    shallow, deep = cli("check"), cli("check", "--deep")

    assert (shallow.code, shallow.err, deep.code) == (0, "", 1)
    assert "FAIL  model     first" in deep.out
    assert "connection refused at port 1" in deep.out


@pytest.mark.parametrize("backend", ["away", "lost"])
def test_deep_ends_with_the_next_step_after_the_error_of_a_model(cli: Any, settings_file: Path, backend: str) -> None:
    settings_file.write_text(
        f"models:\n  m:\n    backend: {backend}\n    fallback: plus\n    backends: {{plus: , {backend}: }}\n"
    )

    table, exact = cli("check", "--deep"), json.loads(cli("check", "--deep", "--json").out)

    assert (table.code, table.err) == (1, "next: turnout status m\n")
    assert [(finding["ok"], finding["next"]) for finding in exact if finding["what"] == "model"] == [
        (False, "turnout status m"),
        (True, ""),
    ]


def test_json_has_every_finding(cli: Any, settings_file: Path) -> None:
    findings = json.loads(cli("check", "--deep", "--json").out)

    assert [(finding["what"], finding["name"], finding["ok"]) for finding in findings] == [
        ("settings", "turnout.yaml", True),
        ("pipeline", "describe", True),
        ("model", "first", True),
        ("model", "second", True),
    ]


def test_a_pipeline_in_the_wrong_order_fails_with_the_step_to_move(cli: Any, settings_file: Path) -> None:
    text = settings_file.read_text().replace("    - look\n    - describe\n", "    - describe\n    - look\n")
    settings_file.write_text(text)

    ended = cli("check")

    assert ended.code == 1
    assert "FAIL" in ended.out
    assert "move 'look', which provides it, before 'describe'" in ended.out
    assert ended.err == "next: change what FAIL names\n"


def test_a_model_that_cannot_be_opened_fails_with_its_reason_in_one_line(cli: Any, settings_file: Path) -> None:
    settings_file.write_text("models:\n  m:\n    backend: lost\n    backends:\n      lost:\n")

    ended = cli("check", "--deep", "--json")

    assert ended.code == 1
    reason = json.loads(ended.out)[-1]["text"]
    assert reason == "model 'm' cannot be opened on backend 'lost': OSError: no such file. turnout.yaml:2"


@pytest.mark.parametrize(
    ("named", "part"),
    [("fallback: lost", "fallback"), ("shadow: {backend: lost}", "shadow"), ("canary: {backend: lost, weight: 0.1}", "canary")],
)
def test_the_other_backends_of_a_model_are_opened_too(cli: Any, settings_file: Path, named: str, part: str) -> None:
    settings_file.write_text(f"models:\n  m:\n    backend: plus\n    {named}\n    backends: {{plus: , lost: , kept: }}\n")

    ended = cli("check", "--deep")

    assert ended.code == 1
    assert f"lost ({part}): model 'm' cannot be opened on backend 'lost'" in ended.out
    assert "plus: x FP32" in ended.out
    settings_file.write_text(settings_file.read_text().replace(f"{named}", f"{named}".replace("lost", "kept")))
    assert cli("check", "--deep").code == 0


def test_a_fallback_does_not_answer_for_a_backend_that_cannot_be_opened(cli: Any, settings_file: Path) -> None:
    settings_file.write_text("models:\n  m:\n    backend: lost\n    fallback: plus\n    backends: {plus: , lost: }\n")

    ended = cli("check", "--deep")

    assert ended.code == 1
    assert "model 'm' cannot be opened on backend 'lost'" in ended.out
    assert "plus (fallback): x FP32" in ended.out


def test_a_warm_up_without_records_fails_before_anything_is_opened(cli: Any, settings_file: Path) -> None:
    settings_file.write_text("models:\n  m:\n    backend: plus\n    warmup: {recorded: seen}\n    backends: {plus: }\n")

    ended = cli("check")

    assert ended.code == 1
    assert "/seen' has no record; record some: turnout record m ..." in ended.out
    Path("seen").mkdir()
    np.savez("seen/1.npz", x=np.ones(1, np.float32))
    assert "1 request of '" in cli("check").out
    assert cli("check", "--deep").code == 0


def test_all_wrong_settings_are_reported_with_line_and_suggestion(cli: Any, settings_file: Path) -> None:
    settings_file.write_text("models:\n  m:\n    bakend: plus\n  n:\n    backend: pluss\n    backends:\n      pluss:\n")

    ended = cli("check")

    assert (ended.code, ended.out) == (2, "")
    assert "turnout.yaml:3:5" in ended.err
    assert "Did you mean 'backend'?" in ended.err
    assert "Did you mean 'plus'?" in ended.err
    assert ended.err.splitlines()[-1] == "next: edit line 2 of turnout.yaml"


def test_a_file_that_is_not_there_says_so(cli: Any) -> None:
    ended = cli("check", "--config", "nowhere.yaml")

    assert (ended.code, ended.out) == (2, "")
    assert "nowhere.yaml" in ended.err
    assert ended.err.splitlines()[-1].startswith("next: ")


def test_the_environment_may_name_the_file(cli: Any, settings_file: Path, monkeypatch: Any) -> None:
    settings_file.rename("other.yaml")
    monkeypatch.setenv("TURNOUT_CONFIG", "other.yaml")

    assert "other.yaml" in cli("check").out


def test_every_difference_in_a_repository_is_a_finding(cli: Any, settings_file: Path) -> None:
    settings_file.write_text("models:\n  m:\n    backend: kept\n    max_batch_size: 3\n    backends: {kept: }\n")

    ended = cli("check", "--json")

    assert ended.code == 1
    assert [(finding["what"], finding["ok"], finding["text"]) for finding in json.loads(ended.out)[1:]] == [
        ("repository", True, "serves True, deep False"),
        ("repository", False, "max_batch_size: turnout.yaml says 3, config.txt says 8"),
    ]


def test_a_repository_check_that_raises_is_a_finding(cli: Any, settings_file: Path) -> None:
    settings_file.write_text("models:\n  broken:\n    backend: plus\n    backends: {plus: , kept: }\n")

    ended = cli("check", "--json")

    assert ended.code == 1
    assert json.loads(ended.out)[-1]["text"] == "the check of 'kept' failed: KeyError: 'x'"


def test_a_finding_that_should_be_known_is_a_note(cli: Any, settings_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = RepositoryFinding(True, "there is no config; write it", note=True)
    monkeypatch.setattr("turnout.commands.check.run_repository_check", lambda *_: [finding])

    ended = cli("check")

    assert ended.code == 0
    assert any(line.startswith("note  repository") for line in ended.out.splitlines())


def test_a_note_is_no_ok_and_a_long_text_is_cut_in_the_table_only(
    cli: Any, settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [
        CheckResult("batching", "m", True, "no effect", note=True),
        CheckResult("model", "m", False, f"begin {'x' * 7000} do this"),
    ]
    monkeypatch.setattr("turnout.commands.check.check_app", lambda *_, **__: findings)

    table, exact = cli("check"), json.loads(cli("check", "--json").out)

    assert table.code == 1
    assert table.out.splitlines()[1].startswith("note  batching")
    assert max(map(len, table.out.splitlines())) < 500
    assert table.out.rstrip().endswith("do this (whole: --json)")
    assert exact[1]["text"] == findings[1].text
