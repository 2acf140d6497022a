"""The checks of the area ``names``, on what ``turnout init`` and ``turnout export`` wrote, report what a stranger got in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hostile.areas.names import CHECKED, EXPORTED, TYPED
from tests.hostile.observed_process import observe
from tests.hostile.sandbox import Sandbox

MODEL = "  good: {backends: {onnxruntime: {path: good.onnx}}}\n"
HEAD = "backend: onnxruntime\nmodels:\n"
ABORTED = -6


def _run(tmp_path: Path, program: str, arguments: list[str], write: Callable[[Sandbox], None]) -> int | None:
    """Run ``program`` with a ``turnout`` that does nothing, after ``write`` wrote what the real one might."""
    sandbox = Sandbox.create(tmp_path / "sandbox")
    (sandbox.work / "good.onnx").touch()
    write(sandbox)
    nothing = program.replace('os.path.join(os.path.dirname(sys.executable), "turnout")', '"true"')
    assert nothing != program
    return observe(sandbox.python(nothing, *arguments), sandbox.work, sandbox.environment()).exit


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEAD + MODEL, 0),
        (HEAD + MODEL + MODEL.replace("good:", "evil:"), ABORTED),
        (HEAD + MODEL.replace("good:", "evil:"), ABORTED),
        (HEAD + MODEL.replace("path: good", "path: bad"), ABORTED),
        (HEAD + MODEL + "    # " + "x" * 500 + "\n", ABORTED),
        (HEAD + MODEL + "# one\n# two\nevil\n", 1),
        ("a: [", 1),
    ],
)
def test_a_file_that_says_more_than_was_meant_is_reported(text: str, code: int, tmp_path: Path) -> None:
    assert _run(tmp_path, CHECKED, ["1"], lambda sandbox: (sandbox.work / "new.yaml").write_text(text) and None) == code


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("x", "", 0),
        ("z", "", ABORTED),
        ("x", 'parameters { key: "a" value { string_value: "b" } }', ABORTED),
        ("x", 'output { name: "z" }', ABORTED),
        ("x", 'backend: "python"', ABORTED),
    ],
)
def test_a_config_that_says_more_than_the_model_is_reported(name: str, more: str, code: int, tmp_path: Path) -> None:
    def write(sandbox: Sandbox) -> None:
        folder = sandbox.work / "models" / "m"
        folder.mkdir(parents=True)
        (folder / "config.pbtxt").write_text(f'input {{ name: "{name}" }}\noutput {{ name: "y" }}\n{more}\n')

    assert _run(tmp_path, EXPORTED, [b"x".hex()], write) == code


def test_what_a_suggested_command_runs_besides_is_reported(tmp_path: Path) -> None:
    sandbox = Sandbox.create(tmp_path / "sandbox")
    fake = sandbox.work / "fake"
    fake.write_text("#!/bin/sh\necho 'next: turnout x; touch ../outside/executed' >&2\n")
    fake.chmod(0o755)
    program = TYPED.replace('os.path.join(os.path.dirname(sys.executable), "turnout")', repr(str(fake)))

    observe(sandbox.python(program, "x"), sandbox.work, sandbox.environment())

    assert sandbox.executed.exists()
