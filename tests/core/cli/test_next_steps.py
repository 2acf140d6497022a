"""What every failing command suggests, typed in the same folder, is a command that works or leads on."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SETTINGS = """\
models:
  m:
    backend: plus
    max_batch_size: 4
    inputs: {x: "FP32[3]"}
    backends: {plus: , kept: , away: , lost: }
  alone:
    backend: kept
    backends: {kept: }
  unreachable:
    backend: away
    backends: {away: }
  broken_weights:
    backend: lost
    backends: {lost: }
  free:
    backend: plus
    inputs: {x: "FP32[-1]"}
    backends: {plus: }
pipelines:
  describe: [look, describe]
  second: [look]
"""
BROKEN: dict[str, str] = {
    "empty": "",
    "no-yaml": "models: [",
    "tabs": "models:\n\tm:\n",
    "twice": "backend: a\nbackend: b\n",
    "list": "- 1\n",
    "misspelled": "models: {m: {bakend: plus}}\n",
    "no-backend": "models: {m: {backends: {plus: }}}\n",
    "unknown-backend": "models: {m: {backend: pluss, backends: {pluss: }}}\n",
    "no-plugin": "models: {m: {backend: triton, backends: {triton: {url: localhost:8001}}}}\n",
    "no-plugin-by-default": "backend: ${SOME_BACKEND:-onnxruntime}\nmodels: {m: {backends: {onnxruntime: {path: m.onnx}}}}\n",
    "no-options": "models: {m: {backend: kept, backends: {plus: }}}\n",
    "variable": "models: {m: {backend: '${NOT_SET}', backends: {plus: }}}\n",
    "unknown-step": "models: {}\npipelines: {p: [loook]}\n",
    "missing-step-plugin": "models: {}\npipelines: {p: [load_image]}\n",
    "wrong-order": "models: {m: {backend: plus, backends: {plus: }}}\npipelines: {p: [describe, look]}\n",
    "version": "models: {m: {backend: plus, max_batch_size: -3, backends: {plus: }}}\n",
}
LINES = [
    "models --config nowhere.yaml",
    "check --config nowhere/turnout.yaml",
    "check -c .",
    *(f"{command} --config {name}.yaml" for name in BROKEN for command in ("check", "verify")),
    "status nobody",
    "status mm",
    "switch nobody kept",
    "switch m keptt",
    "switch m triton",
    "switch m gone",
    "switch alone plus",
    "switch m plus --weight 0.3",
    "switch broken_weights plus --weight 0.3",
    "switch m",
    "switch m plus --back",
    "switch m --back",
    "switch m kept --weight 3",
    "switch m away",
    "switch m lost",
    "export nobody",
    "export m",
    "export m --format onnx",
    "export m --format textt",
    "export m --format remote",
    "export m --format text --version 1",
    "export m --config-only --version 3",
    "export alone",
    "export m --repository wrong.npz --format text",
    "export --format remote",
    "export --config none.yaml",
    "export --config stuck.yaml",
    "bench --config none.yaml",
    "verify --config none.yaml",
    "verify nobody",
    "verify alone",
    "verify unreachable",
    "verify broken_weights",
    "verify m --against plus",
    "verify m --against away",
    "verify m --against lost",
    "verify m --against nothing",
    "verify m --recording nowhere",
    "verify m --inputs nowhere.npz",
    "verify m --inputs wrong.npz",
    "verify m --inputs text.npz",
    "verify m --shape y=3",
    "verify m --shape x=4",
    "verify m --generate 0",
    "verify m --generate 1 --recording x",
    "verify --shape x=3",
    "bench nobody",
    "bench m --against away",
    "bench m --against plus",
    "bench m --seconds nan",
    "bench describ",
    "bench second --generate 3",
    "bench second --against kept",
    "bench second --write",
    "bench m photo.jpg",
    "bench m --batch 9",
    "bench m --instances 2",
    "bench m --delay 5 --against kept",
    "bench m --compare nowhere.json",
    "bench m --compare one.npz",
    "bench m --plot x.gif",
    "bench m --plot nowhere/x.svg",
    "bench m --allow 5%",
    "bench unreachable",
    "bench broken_weights",
    "record m",
    "record m nowhere.jpg",
    "record m photo.jpg",
    "record m photo.jpg --pipeline nothing",
    "record m photo.jpg --pipeline describ",
    "record m photo.jpg --pipeline second --set regions",
    "record m text.npz",
    "record m empty_folder",
    "record unreachable one.npz",
    "init",
    "init nowhere.onnx",
    "init photo.jpg --config new.yaml",
    "init --from-repository nowhere --config new.yaml",
    "init photo.jpg --from-repository empty_folder",
    "init --config nowhere/new.yaml",
    "swich m kept",
    "run describe photo.jpg",
    "triton serve",
    "plugins --jsn",
    "--nothing",
    "check --deep",
]


@pytest.fixture
def line(cli: Any) -> Any:
    """Return a function that runs a command line in a folder where much is wrong, and some is right."""
    Path("turnout.yaml").write_text(SETTINGS)
    for name, text in BROKEN.items():
        Path(f"{name}.yaml").write_text(text)
    Path("none.yaml").write_text("models: {}\n")
    Path("stuck.yaml").write_text("models: {m: {backend: lost, backends: {lost: }}}\n")
    Path("photo.jpg").write_bytes(b"no picture")
    Path("text.npz").write_text("no zip")
    Path("empty_folder").mkdir()
    np.savez("wrong.npz", y=np.zeros((1, 3), np.float32))
    np.savez("one.npz", x=np.zeros((1, 3), np.float32))
    cli("export", "m", "--format", "text", "--version", "1")
    return lambda text: cli(*shlex.split(text))


def next_of(stderr: str) -> str:
    """Return the last suggestion of a command; of a usage error, click's own."""
    steps = re.findall(r"^next: (.*)$", stderr, re.MULTILINE) or re.findall(r"^Try '(.*)' for help\.$", stderr, re.MULTILINE)
    assert steps, stderr
    return str(steps[-1])


def error_of(stderr: str) -> str:
    return next((text for text in stderr.splitlines() if text.lower().startswith("error: ")), "")


@pytest.mark.parametrize("text", LINES)
def test_a_failing_command_suggests_what_can_be_typed_and_helps(line: Any, text: str) -> None:
    failed = line(text)

    assert failed.code != 0, failed.out
    step = next_of(failed.err)
    assert "${" not in step
    assert "..." not in step
    assert "FILE" not in step
    if not step.startswith("turnout "):
        # pip of this Python, or words: an edit of a file, another path.
        assert re.match(r"(.* )?pip install |[a-z]", step)
        assert step.startswith("edit") or "turnout" not in step.split()[:1]
        return
    typed = line(step.removeprefix("turnout "))
    assert step.removeprefix("turnout ") != text
    # A command that shows what is wrong may fail too: but never for a usage error, an unknown name or the same reason.
    assert not typed.err.startswith("Usage:"), typed.err
    assert not re.search("unknown|no such|does not exist", error_of(typed.err), re.IGNORECASE) or "lost" in step
    assert not error_of(failed.err) or error_of(typed.err) != error_of(failed.err)


@pytest.mark.parametrize("text", [text for text in LINES if not text.startswith(("--nothing", "swich", "run ", "triton "))])
def test_a_failing_command_with_json_prints_one_object(line: Any, text: str) -> None:
    import json

    failed = line(f"{text} --json")

    assert failed.code != 0
    content = json.loads(failed.out)
    if isinstance(content, dict) and "error" in content and isinstance(content["error"], dict):
        assert set(content["error"]) == {"type", "message", "next", "exit_code"}
        assert content["error"]["exit_code"] == failed.code
