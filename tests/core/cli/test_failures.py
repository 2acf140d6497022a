"""Failures of a command that works on several models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from turnout.cli.failures import Failures
from turnout.errors import BackendUnavailableError, ExportError

MIXED = """\
models:
  broken: {backend: lost, inputs: {x: "FP32[3]"}, backends: {lost: }}
  down: {backend: away, inputs: {x: "FP32[3]"}, backends: {away: }}
  good: {backend: plus, inputs: {x: "FP32[3]"}, backends: {plus: , kept: }}
"""


def test_without_a_failure_the_command_goes_on() -> None:
    failures = Failures()

    assert failures.catch("m", lambda model: {"model": model}) == {"model": "m"}
    assert failures.as_json() == {"next": None, "exit_code": 0}
    failures.end()


def test_the_end_has_the_first_step_and_the_greatest_code(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(model: str) -> dict[str, Any]:
        raise ExportError("x", next_step="do this") if model == "a" else BackendUnavailableError("y", model=model)

    failures = Failures()
    entries = [failures.catch(model, fail) for model in ("a", "b")]

    assert entries == [{"model": "a", "error": "x"}, {"model": "b", "error": "y"}]
    assert failures.as_json() == {"next": "do this", "exit_code": 3}
    with pytest.raises(SystemExit, match="3"):
        failures.end()
    assert capsys.readouterr().err == "FAIL: model 'a': x\nFAIL: model 'b': y\nnext: do this\n"


@pytest.mark.parametrize(("command", "key"), [("verify", "models"), ("bench --duration 0.1", "measured")])
def test_a_model_that_fails_takes_no_result_from_the_others(cli: Any, command: str, key: str) -> None:
    Path("turnout.yaml").write_text(MIXED)

    ended, exact = cli(*command.split()), cli(*command.split(), "--json")

    assert (ended.code, ended.err.splitlines()[-1]) == (3, "next: turnout status broken")
    assert "good on plus, 4 " in ended.out
    found = json.loads(exact.out)
    assert ["error" in one for one in found[key]] == [True, True, False]
    assert (found["next"], found["exit_code"]) == ("turnout status broken", 3)


@pytest.mark.parametrize("command", ["verify", "bench", "export"])
def test_a_file_without_a_model_is_an_error(cli: Any, command: str) -> None:
    Path("turnout.yaml").write_text("models: {}\n")

    ended, exact = cli(command), json.loads(cli(command, "--json").out)

    assert ended.code in (1, 2)
    assert ended.err.startswith("error: ")
    assert exact["error"]["next"] in ended.err
