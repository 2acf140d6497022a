"""The log lines in the page about a dead server are those that an app logs."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.docs.test_code_blocks import BLOCK, ROOT

import turnout

PAGE = ROOT / "docs" / "explanation" / "when-the-server-dies.md"
PIXELS = np.zeros((1, 3, 128, 128), np.float32)


def page_blocks(language: str) -> list[str]:
    return [match["code"] for match in BLOCK.finditer(PAGE.read_text()) if match["language"] == language]


def is_logged(line: str, messages: list[str]) -> bool:
    pattern = re.escape(line).replace(r"\.\.\.", ".*")
    return any(re.fullmatch(pattern, message) for message in messages)


def test_a_dead_server_logs_the_lines_on_the_page(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    [settings], [lines] = page_blocks("yaml"), page_blocks("text")
    failed, opened, _closed, fell_back = lines.splitlines()
    (tmp_path / "turnout.yaml").write_text(settings.replace("localhost:8001", "localhost:9"))  # a port without a server
    (tmp_path / "model_repository").symlink_to(ROOT / "model_repository")

    with turnout.open(tmp_path / "turnout.yaml") as app:
        for _ in range(6):
            app.model("birefnet").infer({"pixel_values": PIXELS})

    assert is_logged(failed, caplog.messages)
    assert is_logged(opened, caplog.messages)
    assert is_logged(fell_back, caplog.messages)


def test_another_line_is_not_found() -> None:
    assert is_logged("circuit open for 1 s; ...", ["circuit open for 1 s; last error: refused"])
    assert not is_logged("circuit open for 2 s; ...", ["circuit open for 1 s; last error: refused"])
