from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from turnout.errors import BackendUnavailableError, ConfigurationError
from turnout.files.watch import FileWatch

LIMIT_SECONDS = 20
Watch = Callable[..., FileWatch]


class Acts:
    """Counts calls; raises ``error`` if there is one."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None
        self.called = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.called.set()
        if self.error:
            raise self.error


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "turnout.yaml"
    file.write_text("a")
    _age(file, 100)
    return file


@pytest.fixture
def acts() -> Acts:
    return Acts()


@pytest.fixture
def watch(file: Path, acts: Acts) -> Iterator[Watch]:
    """Return a function that makes a watch, which looks by itself only after ``interval_seconds``."""
    made: list[FileWatch] = []

    def make(interval_seconds: float = 1000.0) -> FileWatch:
        made.append(FileWatch(file, acts, interval_seconds))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _age(file: Path, seconds: float) -> None:
    """Make ``file`` as old as that."""
    import time

    os.utime(file, (time.time() - seconds,) * 2)


def test_acts_once_for_a_file_that_stays_as_it_is(watch: Watch, acts: Acts) -> None:
    looks = watch()

    for _ in range(3):
        looks.poll()

    assert acts.count == 1  # it may have changed between the app's start and the first look


@pytest.mark.parametrize("change", ["written", "replaced", "touched"])
def test_acts_when_the_file_has_changed(watch: Watch, file: Path, acts: Acts, change: str) -> None:
    looks = watch()
    looks.poll()
    if change == "written":
        file.write_text("bb")
    elif change == "replaced":
        (file.parent / "new").write_text("a")
        (file.parent / "new").replace(file)
    _age(file, 50)

    looks.poll()
    looks.poll()

    assert acts.count == 2


def test_looks_again_at_a_file_so_new_that_a_second_write_would_not_show(watch: Watch, file: Path, acts: Acts) -> None:
    looks = watch()
    _age(file, 0)
    looks.poll()
    looks.poll()
    assert acts.count == 2

    _age(file, 100)
    looks.poll()
    looks.poll()

    assert acts.count == 3


def test_a_file_that_is_gone_for_a_moment_is_waited_for(watch: Watch, file: Path, acts: Acts) -> None:
    looks = watch()
    looks.poll()
    file.unlink()
    looks.poll()
    assert acts.count == 1

    file.write_text("back")
    looks.poll()

    assert acts.count == 2


def test_a_wrong_file_is_logged_once_and_not_read_again_before_it_changes(
    watch: Watch, file: Path, acts: Acts, caplog: pytest.LogCaptureFixture
) -> None:
    looks, acts.error = watch(), ConfigurationError("no good")

    for _ in range(3):
        looks.poll()
    assert (acts.count, len(caplog.messages)) == (1, 1)
    acts.error = None
    file.write_text("good")
    _age(file, 50)
    looks.poll()

    assert acts.count == 2


def test_a_server_that_is_down_is_tried_again_and_logged_once(
    watch: Watch, acts: Acts, caplog: pytest.LogCaptureFixture
) -> None:
    looks, acts.error = watch(), BackendUnavailableError("down")
    for _ in range(3):
        looks.poll()
    assert (acts.count, len(caplog.messages)) == (3, 1)

    acts.error = None
    for _ in range(3):
        looks.poll()

    assert acts.count == 4


def test_looks_by_itself_and_ends_when_it_is_closed(watch: Watch, acts: Acts) -> None:
    looks = watch(0.01)
    assert acts.called.wait(LIMIT_SECONDS)

    looks.close()

    assert "turnout-watch" not in [thread.name for thread in threading.enumerate()]


def test_a_defect_does_not_end_the_thread(watch: Watch, acts: Acts, caplog: pytest.LogCaptureFixture) -> None:
    acts.error = RuntimeError("ours")
    looks = watch(0.01)
    assert acts.called.wait(LIMIT_SECONDS)
    acts.error = None
    acts.called.clear()
    os.utime(looks._file)

    assert acts.called.wait(LIMIT_SECONDS)
    assert "cannot be watched" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_watches_too(watch: Watch, acts: Acts, file: Path) -> None:
    watch(0.01)
    assert acts.called.wait(LIMIT_SECONDS)

    child = os.fork()
    if not child:
        acts.called.clear()
        os.utime(file)
        os._exit(0 if acts.called.wait(LIMIT_SECONDS) else 1)

    assert os.waitpid(child, 0)[1] == 0


def test_closing_does_not_wait_forever_for_an_act_that_hangs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.files.watch.CLOSE_SECONDS", 0.05)
    started, released = threading.Event(), threading.Event()

    def hang() -> None:
        started.set()
        released.wait(LIMIT_SECONDS)

    watch = FileWatch(file, hang, 0.001)
    assert started.wait(LIMIT_SECONDS)
    watch.close()

    assert not released.is_set()
    released.set()
    watch.close()


def test_a_change_that_the_parent_was_applying_at_a_fork_is_applied_in_the_child(watch: Watch, acts: Acts) -> None:
    looks = watch()
    looks.poll()
    looks.close()

    looks.renew()  # as a forked child does
    looks.poll()

    assert acts.count == 2


def test_what_changes_beside_the_file_is_looked_at_after_each_poll(file: Path) -> None:
    looked, acts = threading.Event(), Acts()
    looks: list[int] = []

    def look() -> None:
        looks.append(acts.count)
        if len(looks) > 2:
            looked.set()

    watch = FileWatch(file, acts, 0.01, look)

    assert looked.wait(LIMIT_SECONDS)
    watch.close()
    assert acts.count == 1
