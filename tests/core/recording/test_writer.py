from __future__ import annotations

import errno
import io
import multiprocessing
import os
import signal
import stat
import time
from pathlib import Path

import numpy as np
import pytest

from turnout.files.lock import try_lock
from turnout.recording import RecordedRequest, RecordingPolicy, RecordingSet, RecordingWriter
from turnout.recording.manifest import read_lines


def record(number: int, size: int = 4) -> RecordedRequest:
    return RecordedRequest(
        {"x": np.full((1, size), number, np.float32)}, {"y": np.full((1, size), number, np.float32)}, "m", "plus"
    )


def content(written: RecordedRequest) -> bytes:
    stream = io.BytesIO()
    written.write(stream)
    return stream.getvalue()


def writer(folder: Path, **policy: object) -> RecordingWriter:
    return RecordingWriter("m", RecordingPolicy(folder, **policy))  # type: ignore[arg-type]


def numbers(folder: Path) -> list[int]:
    return [int(read.inputs["x"][0, 0]) for read in RecordingSet(folder)]


def test_a_full_folder_keeps_the_first_records(tmp_path: Path) -> None:
    writes = writer(tmp_path, max_requests=3)

    assert [writes.add(record(number)) for number in range(5)] == [True, True, True, False, False]
    assert numbers(tmp_path) == [0, 1, 2]


def test_a_rotating_folder_keeps_the_last_records(tmp_path: Path) -> None:
    writes = writer(tmp_path, max_requests=3, when_full="rotate")

    assert [writes.add(record(number)) for number in range(5)] == [True] * 5
    assert numbers(tmp_path) == [2, 3, 4]
    assert len(read_lines(tmp_path)) == 3


def test_a_large_rotating_folder_gives_up_a_tenth_at_once(tmp_path: Path) -> None:
    writes = writer(tmp_path, max_requests=20, when_full="rotate")

    for number in range(21):
        writes.add(record(number))

    assert numbers(tmp_path) == list(range(2, 21))


def test_records_that_other_processes_added_or_removed_count(tmp_path: Path) -> None:
    first, second = writer(tmp_path, max_requests=2), writer(tmp_path, max_requests=2)
    first.add(record(1))
    second.add(record(2))

    assert not first.add(record(3))
    for file in tmp_path.iterdir():
        file.unlink()
    assert first.add(record(4))
    assert numbers(tmp_path) == [4]


@pytest.mark.parametrize("when_full", ["stop", "rotate"])
def test_a_folder_never_grows_beyond_its_bytes(tmp_path: Path, when_full: str) -> None:
    limit = 3 * len(content(record(0, 1000))) + 100
    writes = writer(tmp_path, max_bytes=limit, when_full=when_full)

    for number in range(7):
        writes.add(record(number, 1000))
        assert sum(file.stat().st_size for file in tmp_path.glob("*.npz")) <= limit
    assert numbers(tmp_path) == ([0, 1, 2] if when_full == "stop" else [4, 5, 6])


def test_a_record_larger_than_the_folder_removes_nothing(tmp_path: Path) -> None:
    writes = writer(tmp_path, max_bytes=5000, when_full="rotate")

    assert writes.add(record(1))
    assert not writes.add(record(2, 10_000))
    assert numbers(tmp_path) == [1]


def test_only_its_owner_may_read_a_record(tmp_path: Path) -> None:
    writer(tmp_path / "m").add(record(1))

    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o700
    assert stat.S_IMODE(next((tmp_path / "m").glob("*.npz")).stat().st_mode) == 0o600


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = writer(tmp_path)
    writes.add(record(1))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "disk full")))
        with pytest.raises(OSError, match="disk full"):
            writes.add(record(2))

    assert writes.add(record(3))
    assert numbers(tmp_path) == [1, 3]
    assert not list(tmp_path.glob(".*.part"))


def test_a_partial_file_of_a_killed_process_is_deleted(tmp_path: Path) -> None:
    part = tmp_path / ".20260101T000000.000000-1-000001.npz.part"
    part.write_bytes(content(record(9))[:100])
    os.utime(part, (time.time() - 7200, time.time() - 7200))

    writer(tmp_path).add(record(1))

    assert numbers(tmp_path) == [1]
    assert not part.exists()


def test_a_partial_file_of_a_process_that_was_just_killed_is_deleted(tmp_path: Path) -> None:
    part = tmp_path / ".20260101T000000.000000-1-000001.npz.part"
    part.write_bytes(content(record(9))[:100])
    os.utime(part, (time.time() - 2, time.time() - 2))

    writer(tmp_path).add(record(1))

    assert not part.exists()


def test_a_partial_file_whose_writer_lives_is_kept(tmp_path: Path) -> None:
    part = tmp_path / ".20260101T000000.000000-1-000001.npz.part"
    with part.open("wb") as stream:
        assert try_lock(stream.fileno())
        os.utime(part, (time.time() - 7200, time.time() - 7200))

        writer(tmp_path).add(record(1))

        assert part.exists()


def test_a_line_cut_short_by_a_crash_loses_no_record(tmp_path: Path) -> None:
    writes = writer(tmp_path)
    writes.add(record(1))
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-20])

    writes.add(record(2))

    assert numbers(tmp_path) == [1, 2]
    assert len(read_lines(tmp_path)) == 1


def _write_endlessly(folder: Path) -> None:
    writes = writer(folder, max_requests=10**6, max_bytes=10**12)
    number = 0
    while True:
        writes.add(record(number, 20_000))
        number += 1


def test_processes_killed_while_they_write_leave_only_whole_records(tmp_path: Path, limit_seconds: int) -> None:
    spawn = multiprocessing.get_context("fork")
    for kill in range(5):
        processes = [spawn.Process(target=_write_endlessly, args=(tmp_path,)) for _ in range(2)]
        for process in processes:
            process.start()
        deadline = time.monotonic() + limit_seconds
        while len(list(tmp_path.glob("*.npz"))) < 10 * (kill + 1):
            assert time.monotonic() < deadline
            os.sched_yield()
        for process in processes:
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join(limit_seconds)

    assert len(numbers(tmp_path)) >= 50
    assert writer(tmp_path, max_requests=10**6, max_bytes=10**12).add(record(1))


def _write_some(folder: Path) -> None:
    writes = writer(folder, max_requests=30)
    for number in range(20):
        writes.add(record(number))


def test_processes_share_a_bound(tmp_path: Path, limit_seconds: int) -> None:
    spawn = multiprocessing.get_context("fork")
    processes = [spawn.Process(target=_write_some, args=(tmp_path,)) for _ in range(3)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(limit_seconds)

    assert len(numbers(tmp_path)) == len(read_lines(tmp_path)) == 30


def test_files_of_a_user_in_the_folder_are_neither_counted_nor_removed(tmp_path: Path) -> None:
    own = [tmp_path / name for name in ("0.npz", "zebra.npz", "movie.mp4.part", ".0.npz.part")]
    for file in own:
        file.write_bytes(b"mine")
        os.utime(file, (time.time() - 7200, time.time() - 7200))

    writes = writer(tmp_path, max_requests=2, when_full="rotate")

    assert [writes.add(record(number)) for number in range(5)] == [True] * 5
    assert [file.read_bytes() for file in own] == [b"mine"] * 4
    assert len(read_lines(tmp_path)) == 2


@pytest.mark.parametrize("name", ["manifest.jsonl", ".lock"])
def test_a_manifest_or_a_lock_that_is_a_link_is_not_followed(name: str, tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "records"
    victim.write_text("mine")
    folder.mkdir()
    (folder / name).symlink_to(victim)

    with pytest.raises(OSError, match="symbolic link"):
        writer(folder).add(record(1))

    assert victim.read_text() == "mine"
