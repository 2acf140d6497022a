"""Gauges of processes that are dead, in the multi-process mode."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from turnout.files.lock import try_lock
from turnout.metrics.process_marks import ProcessMark, remove_dead_gauges

IN_FLIGHT = "turnout_inference_in_flight"
REQUESTS = "turnout_inference_requests_total"
SCRAPE = """
    from turnout.metrics.exposition import scrape_text
    from turnout.metrics.process_sum import collect_processes
    import os, pathlib, sys
    folder = pathlib.Path(sys.argv[1])
"""
WORKER = """
    import sys
    from turnout.metrics import shared_metrics
    meter = shared_metrics().requests("m", "b")
    meter.in_flight.enter(None)
    meter.in_flight.enter(None)
    meter.answered.add(0.1)
    print("ready", flush=True)
    sys.stdin.read()
"""


def start(code: str, folder: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def worker(folder: Path, code: str = WORKER) -> Iterator[subprocess.Popen[str]]:
    with start(code, folder) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def mark() -> Iterator[ProcessMark]:
    mark = ProcessMark()
    yield mark
    mark.release()


def scrape(folder: Path) -> dict[str, float]:
    """Return the values of a scrape, without labels, from a process of its own."""
    code = SCRAPE + "    print(scrape_text(lambda: collect_processes(folder)))"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [line.rpartition(" ") for line in done.stdout.splitlines() if line and line[0] != "#"]
    return {name.partition("{")[0]: float(value) for name, _, value in lines if "outcome" not in name or 'outcome="ok"' in name}


def test_a_killed_process_is_in_flight_no_more_and_its_requests_are_counted_still(tmp_path: Path) -> None:
    with worker(tmp_path) as first, worker(tmp_path):
        before = scrape(tmp_path)
        first.kill()
        first.wait()
        after = scrape(tmp_path)

    assert (before[IN_FLIGHT], before[REQUESTS]) == (4, 2)
    assert (after[IN_FLIGHT], after[REQUESTS]) == (2, 2)


def test_without_the_removal_the_gauge_stays(tmp_path: Path) -> None:
    with worker(tmp_path) as process:
        process.kill()
        process.wait()
    (mark,) = tmp_path.glob("turnout_*.lock")
    mark.unlink()

    assert scrape(tmp_path)[IN_FLIGHT] == 2


def test_a_killed_child_of_a_living_parent_is_dead(tmp_path: Path) -> None:
    forks = """
        import os, signal, sys
        from turnout.metrics import shared_metrics
        meter = shared_metrics().requests("m", "b")
        child = os.fork()
        meter.in_flight.enter(None)
        if child == 0:
            signal.pause()
        meter.in_flight.enter(None)
        sys.stdin.readline()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print("killed", flush=True)
        sys.stdin.readline()
        sys.stdin.read()
    """
    with worker(
        tmp_path, forks.replace("sys.stdin.readline()", 'print("ready", flush=True); sys.stdin.readline()', 1)
    ) as parent:
        assert parent.stdin
        assert parent.stdout
        before = scrape(tmp_path)[IN_FLIGHT]
        parent.stdin.write("\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "killed\n"
        after = scrape(tmp_path)[IN_FLIGHT]

    assert 2 <= before <= 3  # the child may not have come so far
    assert after == 2


def test_a_process_with_the_pid_of_a_dead_one_starts_with_gauges_of_zero(tmp_path: Path, mark: ProcessMark) -> None:
    """As process 1 of a container that is started again with the same folder."""
    with worker(tmp_path) as process:
        process.kill()
        process.wait()
    for file in [*tmp_path.glob("*.db"), *tmp_path.glob("*.lock")]:
        file.rename(file.with_name(file.name.replace(str(process.pid), str(os.getpid()))))

    mark.hold(tmp_path)

    assert list(tmp_path.glob("gauge_live*")) == []
    assert [file.name for file in tmp_path.glob("counter_*")] == [f"counter_{os.getpid()}.db"]
    assert (tmp_path / f"turnout_{os.getpid()}.lock").exists()


def test_a_living_process_with_the_pid_of_this_one_is_an_error(
    tmp_path: Path, mark: ProcessMark, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two containers that share a folder, whose first process is 1 in both."""
    monkeypatch.setattr("turnout.metrics.process_marks._LOCK_SECONDS", 0.05)
    with (tmp_path / f"turnout_{os.getpid()}.lock").open("ab") as other:
        assert try_lock(other.fileno())
        with pytest.raises(TimeoutError):
            mark.hold(tmp_path)

    mark.hold(tmp_path)


def test_a_living_process_that_only_another_container_can_name_is_kept(tmp_path: Path) -> None:
    """The pid says nothing here: the lock does."""
    with worker(tmp_path) as process:
        strange = 2**22 + 1  # above the greatest pid of Linux
        for file in [*tmp_path.glob("*.db"), *tmp_path.glob("*.lock")]:
            file.rename(file.with_name(file.name.replace(str(process.pid), str(strange))))

        assert scrape(tmp_path)[IN_FLIGHT] == 2
    process.wait()
    assert IN_FLIGHT not in scrape(tmp_path)


def test_gauges_of_a_process_without_a_mark_are_kept(tmp_path: Path) -> None:
    """They belong to a program that does not use Turnout: nobody knows whether it lives."""
    file = tmp_path / "gauge_livesum_1.db"
    file.touch()
    (tmp_path / "turnout_strange.lock").touch()

    remove_dead_gauges(tmp_path)

    assert file.exists()


def test_a_mark_is_held_once_in_a_folder(tmp_path: Path, mark: ProcessMark) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()

    mark.hold(first)
    mark.hold(first)
    mark.hold(second)
    remove_dead_gauges(first)

    assert list(first.iterdir()) == []
    assert len(list(second.iterdir())) == 1
