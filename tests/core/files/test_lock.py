"""Locks between processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnout.files import lock
from turnout.files.lock import file_lock, try_lock, wait_for_lock

HOLDS = """
import sys
from pathlib import Path
from turnout.files.lock import file_lock
with file_lock(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Yield a file that another process has locked."""
    file = tmp_path / "lock"
    process = subprocess.Popen([sys.executable, "-c", HOLDS, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    yield file
    process.communicate("\n", timeout=20)


def test_a_lock_of_another_process_is_waited_for_and_names_the_file(holder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.02)

    with pytest.raises(TimeoutError) as caught, file_lock(holder):
        pass

    assert caught.value.filename == str(holder)
    assert "another process holds the lock" in str(caught.value)


def test_a_lock_is_free_again_when_its_block_ends(tmp_path: Path) -> None:
    for _ in range(2):
        with file_lock(tmp_path / "lock"):
            pass


def test_a_pipe_is_no_lock_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")

    with pytest.raises(OSError, match="No such device"), file_lock(tmp_path / "lock"):
        pass


def test_a_folder_is_locked_once(tmp_path: Path) -> None:
    one, other = (os.open(tmp_path, os.O_RDONLY) for _ in range(2))

    assert (try_lock(one), try_lock(other)) == (True, False)
    with pytest.raises(TimeoutError):
        wait_for_lock(other, 0.0)
    os.close(one)
    assert try_lock(other)
    os.close(other)


def test_a_child_forked_meanwhile_does_not_keep_the_lock(tmp_path: Path) -> None:
    read, write = os.pipe()
    with file_lock(tmp_path / "lock"):
        child = os.fork()
        if child == 0:
            os.read(read, 1)
            os._exit(0)

    with file_lock(tmp_path / "lock"):
        pass

    os.write(write, b"x")
    os.waitpid(child, 0)
    os.close(read)
    os.close(write)


WITHOUT = """
import os, sys
del os.fork, os.register_at_fork
sys.modules["fcntl"] = None
from pathlib import Path
import turnout
from turnout.files.lock import file_lock
from turnout.testing import PlusOne
with file_lock(Path(sys.argv[1])):
    turnout.open({"models": {}}).close()
print("opened")
"""


def test_a_system_without_fork_and_flock_opens_an_app(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, tmp_path / "lock"], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.stdout, done.stderr) == ("opened\n", "")
