"""``turnout export``, ``check`` and ``init`` with the installed plugin."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from turnout.cli import main

SETTINGS = """\
backend: triton
models:
  scale:
    max_batch_size: 8
    dynamic_batching: {max_queue_delay_microseconds: 100}
    backends:
      triton: {url: "${TRITON_URL:-localhost:1}"}
"""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def turnout(project: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Return a function that runs a command line in the project's folder."""
    (project.folder / "turnout.yaml").write_text(SETTINGS)
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("TRITON_URL", "localhost:1")  # no server answers there, whatever runs on this machine

    def run(*arguments: str) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))  # click ends with an exit code, 0 too
        written = capfd.readouterr()
        return Result(int(ended.value.code or 0), written.out, written.err)

    return run


def _findings(ended: Result) -> list[tuple[bool, str]]:
    return [(found["ok"], found["text"]) for found in json.loads(ended.out) if found["what"] == "repository"]


def test_a_config_is_written_checked_and_a_difference_found(turnout: Callable[..., Result], project: Any) -> None:
    missing = turnout("check")
    written = turnout("export", "scale", "--config-only")
    same = turnout("check", "--json")
    project.config_file().write_text(project.config_file().read_text().replace("max_batch_size: 8", "max_batch_size: 4"))
    different, kept = turnout("check", "--json"), turnout("export", "scale", "--config-only")
    forced = turnout("export", "scale", "--config-only", "--force-config")

    assert (missing.code, written.code, written.out) == (1, 0, "model_repository/scale/config.pbtxt\n")
    assert "write it: turnout export scale --config-only" in missing.out
    assert (same.code, _findings(same)[-1]) == (0, (True, "the same in turnout.yaml and config.pbtxt"))
    assert different.code == 1
    assert _findings(different)[-1][1].startswith("max_batch_size: turnout.yaml says 8, config.pbtxt says 4; ")
    assert (kept.code, kept.out) == (0, "")
    assert "note: scale/config.pbtxt was written or edited by hand and was kept; --force-config replaces it" in kept.err
    assert forced.code == 0
    assert turnout("check").code == 0


def test_a_server_that_is_not_there_fails_the_deep_check(turnout: Callable[..., Result]) -> None:
    turnout("export", "scale", "--config-only")

    plain, deep = turnout("check", "--json"), turnout("check", "--deep", "--json")

    assert (plain.code, deep.code) == (0, 1)
    assert deep.err.endswith("next: turnout triton serve --grpc-port 1\n")
    for ended, ok in ((plain, True), (deep, False)):
        assert _findings(ended)[0] == (
            ok,
            "server 'localhost:1' was not reached within 1 s: Connection refused; it was not compared",
        )


def test_a_model_that_cannot_be_served_is_one_clear_error(turnout: Callable[..., Result], project: Any) -> None:
    settings = SETTINGS.replace("    backends:", "    inputs: {x: 'FP32[4]'}\n    backends:")
    Path("turnout.yaml").write_text(settings)

    refused, checked = turnout("export", "scale", "--config-only"), turnout("check", "--json")

    message = "turnout.yaml declares input 'x' as FP32 [-1, 4], model.onnx has FP32 [-1, 3]"
    assert (refused.code, refused.out, checked.code) == (1, "", 1)
    assert message in refused.err
    assert message in _findings(checked)[0][1]
    assert not project.config_file().exists()


def test_a_turnout_yaml_generated_from_the_repository_passes_the_check(turnout: Callable[..., Result]) -> None:
    turnout("export", "scale", "--config-only")

    made, checked = turnout("init", "--from-repository", "model_repository", "--config", "served.yaml"), turnout("check")
    checked = turnout("check", "--config", "served.yaml", "--json")

    assert (made.code, made.out) == (0, "wrote served.yaml\n")
    assert (checked.code, _findings(checked)[-1]) == (0, (True, "the same in turnout.yaml and config.pbtxt"))


def test_a_server_that_runs_the_model_is_compared(
    turnout: Callable[..., Result], served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, server = served
    monkeypatch.setenv("TRITON_URL", server.grpc_url)
    turnout("export", "scale", "--config-only")

    found = _findings(turnout("check", "--json"))

    message = (
        'dynamic_batching: turnout.yaml says {"max_queue_delay_microseconds": "100"}, config.pbtxt says '
        f'{{"max_queue_delay_microseconds": "100"}}, server {server.grpc_url} says none; '
        "load the model again on the server, or correct turnout.yaml"
    )
    assert (False, message) in found
