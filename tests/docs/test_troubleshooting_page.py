"""Each message on the page is one of the sources, and each command on it can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.docs.message_texts import ROOT, Templates, sources, templates
from tests.docs.test_code_blocks import clone as clone  # noqa: PLC0414  # a fixture
from tests.docs.test_help_examples import COMMANDS

import turnout
from turnout.errors import TurnoutError

PAGE = ROOT / "docs" / "how-to" / "troubleshooting-by-message.md"
ROW = re.compile(r"^\| `(?P<message>.+?)` \| (?P<cause>.+?) \| (?P<advice>.+) \|$", re.MULTILINE)
ROWS = list(ROW.finditer(PAGE.read_text("utf-8")))
COMMAND = re.compile(r"`(turnout [a-z][^`]*)`")
RUN_HERE = re.compile(r"turnout (status|check|plugins|models|health)\b(?!.*--deep)")


@pytest.fixture(scope="module")
def known() -> Templates:
    return templates(sources())


def commands() -> list[str]:
    return list(dict.fromkeys(COMMAND.findall(PAGE.read_text("utf-8"))))


@pytest.mark.parametrize("message", [row["message"] for row in ROWS])
def test_each_message_is_one_of_the_sources(message: str, known: Templates) -> None:
    assert known.have(message)


@pytest.mark.parametrize(
    "stale",
    [
        "... cannot be reached: ...; start it with 'turnout triton server', or retry later",
        "circuit opened for ... s after ...; last error: ...",
        "... ...",
    ],
)
def test_a_message_that_the_sources_do_not_have_is_found(stale: str, known: Templates) -> None:
    assert not known.have(stale)


def test_every_row_of_the_page_is_read() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]

    assert len(ROWS) == len(rows) > 30


@pytest.mark.parametrize("command", commands())
def test_each_command_can_be_typed(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)
    path = next(path for path in COMMANDS if tuple(words[1 : 1 + len(path)]) == path)

    assert COMMANDS[path].make_context(" ".join(path), words[1 + len(path) :])


@pytest.mark.parametrize("command", [command for command in commands() if RUN_HERE.match(command)])
def test_each_quick_command_works_in_the_demo(command: str, clone: Path) -> None:
    program, *arguments = shlex.split(command)

    ran = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments], capture_output=True, text=True, check=False, timeout=120
    )

    assert ran.returncode == 0, ran.stderr


def test_a_server_that_is_gone_gives_the_messages_of_the_page(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERENCE_BACKEND", "triton")
    pixels = {"pixel_values": np.zeros((1, 3, 128, 128), np.float32)}
    texts = []

    with turnout.open("turnout.yaml") as app:
        for _ in range(6):
            with pytest.raises(TurnoutError) as caught:
                app.model("birefnet").infer(pixels)
            texts.append(str(caught.value))

    assert "cannot be reached" in texts[0]
    assert "circuit open since" in texts[5]
    assert all(map(is_on_page, texts))


@pytest.mark.parametrize(
    "message",
    [
        "model 'm' on backend 'b': version 2 serves now instead of 1",
        "model 'm' on backend 'b': version 2 cannot be opened, version 1 keeps serving: it is broken",
        "PROMETHEUS_MULTIPROC_DIR is '/run/gone', and there is no such folder; create it",
    ],
)
def test_a_message_is_found_by_its_own_words(message: str) -> None:
    words = [word for row in ROWS for word in row["message"].split("...") if len(word) > len(" cannot be opened")]

    assert any(word.strip() in message for word in words)


def is_on_page(text: str) -> bool:
    patterns = (".*".join(re.escape(part) for part in row["message"].split("...")) for row in ROWS)
    return any(re.search(pattern, text) for pattern in patterns)
