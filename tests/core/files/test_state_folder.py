from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from turnout.files.state_folder import make_state_folder, read_state


def test_git_ignores_the_folder(tmp_path: Path) -> None:
    assert (make_state_folder(tmp_path) / ".gitignore").read_text() == "*\n"


def test_a_missing_file_is_no_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_state(tmp_path / "x.json", dict) is None
    assert not caplog.messages


def by_key(content: Any) -> int:
    return int(content["a"])


@pytest.mark.parametrize("text", ["", "[]", "5", "{}", '{"a": "x"}', '{"a": null}', '{"a": 1e999}', "[" * 10_000, "\x00"])
def test_a_foreign_file_is_logged_and_does_not_count(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "x.json").write_text(text)

    with caplog.at_level(logging.WARNING):
        assert read_state(tmp_path / "x.json", by_key) is None

    [message] = caplog.messages
    assert "x.json' cannot be read, and does not count: " in message


def test_a_pipe_is_logged_and_does_not_wait(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "x.json")

    assert read_state(tmp_path / "x.json", by_key) is None
    assert "it is a pipe" in caplog.text


def test_the_folder_is_made_once_and_git_ignores_it(tmp_path: Path) -> None:
    for _ in range(2):
        assert make_state_folder(tmp_path) == tmp_path / ".turnout"

    assert (tmp_path / ".turnout" / ".gitignore").read_text() == "*\n"


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / ".turnout").symlink_to("outside")

    with pytest.raises(OSError, match="it is a link; replace it by a folder"):
        make_state_folder(tmp_path)

    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_in_place_of_gitignore_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".turnout").mkdir()
    (tmp_path / ".turnout" / ".gitignore").symlink_to("../new")

    make_state_folder(tmp_path)

    assert not (tmp_path / "new").exists()


FULL_DISK = """
import resource, signal
from pathlib import Path
from turnout.files.state_folder import make_state_folder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    make_state_folder(Path())
except OSError as error:
    print("refused:", error.strerror)
"""


def test_a_full_disk_leaves_no_empty_list_of_what_git_ignores(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60
    )

    assert done.stdout == "refused: File too large\n", done.stderr
    assert list((tmp_path / ".turnout").iterdir()) == []
    assert (make_state_folder(tmp_path) / ".gitignore").read_text() == "*\n"
