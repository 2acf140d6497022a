"""The command that a user types when a server is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout_triton.commands.next_command import next_command

WITH_VARIABLES = "TRITON_URL=h:1 INFERENCE_BACKEND=triton turnout check --deep"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (None, WITH_VARIABLES),
        ("triton: {url: '${TRITON_URL:-localhost:8001}'}", WITH_VARIABLES),
        ("backend: ${INFERENCE_BACKEND}\nurl: localhost:8001", "turnout status"),
    ],
    ids=["no file", "variables", "an address"],
)
def test_variables_are_named_only_if_something_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "turnout.yaml").write_text(text)

    assert next_command("h:1") == command
