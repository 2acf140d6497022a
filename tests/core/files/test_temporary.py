from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from turnout.files.temporary import remove_temporaries, temporary


@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_what_the_block_leaves_is_removed(tmp_path: Path, kind: str) -> None:
    with suppress(KeyboardInterrupt), temporary(tmp_path / "part") as part:
        _create(part, kind)
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


def test_what_the_block_renames_stays(tmp_path: Path) -> None:
    with temporary(tmp_path / "part") as part:
        part.write_text("whole")
        part.rename(tmp_path / "file")

    assert (tmp_path / "file").read_text() == "whole"


def test_the_end_of_the_process_removes_what_a_thread_has_not_finished(tmp_path: Path) -> None:
    with temporary(tmp_path / "part") as part:
        _create(part, "folder")

        remove_temporaries()

        assert not part.exists()


def test_a_process_that_ends_meanwhile_leaves_nothing(tmp_path: Path) -> None:
    program = """
import pathlib, sys, threading
from turnout.files.temporary import temporary

def write():
    with temporary(pathlib.Path(sys.argv[1])) as part:
        part.write_text("half")
        written.set()
        threading.Event().wait()

written = threading.Event()
threading.Thread(target=write, daemon=True).start()
written.wait()
"""

    subprocess.run([sys.executable, "-c", program, str(tmp_path / "part")], check=True, timeout=60)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_removes_nothing_of_its_parent(tmp_path: Path) -> None:
    with temporary(tmp_path / "part") as part:
        part.write_text("half")
        if not (child := os.fork()):
            remove_temporaries()
            os._exit(0)
        os.waitpid(child, 0)

        assert part.exists()


def _create(part: Path, kind: str) -> None:
    if kind == "file":
        part.write_text("half")
    if kind == "folder":
        part.mkdir()
        (part / "file").write_text("half")
