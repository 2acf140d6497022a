"""One region of this process, and the regions of dead processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.plugins.triton.client.waiting import until

from turnout.files.lock import try_lock
from turnout_triton.client.shared_memory import region as regions
from turnout_triton.client.shared_memory.region import FOLDER, SharedMemoryRegion, dead_regions, remove_region

DESCRIPTORS = Path("/proc/self/fd")
LEAVES = """
import os
from turnout_triton.client.shared_memory.region import SharedMemoryRegion
print(SharedMemoryRegion(4096).name, flush=True)
os._exit(0)
"""


def leave_one() -> str:
    """Return the name of a region whose process has ended without cleaning up."""
    return subprocess.run([sys.executable, "-c", LEAVES], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def file():
    """A file in /dev/shm by name; removed after the test."""
    made = []

    def create(name: str, size_bytes: int) -> str:
        path = FOLDER / name
        path.write_bytes(bytes(size_bytes))
        made.append(path)
        return name

    yield create
    for path in made:
        path.unlink(missing_ok=True)


def test_a_region_holds_what_was_written() -> None:
    region = SharedMemoryRegion(4096)
    try:
        region.write(b"abc")

        assert bytes(region.read(3)) == b"abc"
        assert (FOLDER / region.name).read_bytes()[:3] == b"abc"
        assert (FOLDER / region.name).stat().st_mode & 0o777 == 0o600
        assert region.name.startswith(f"turnout-{os.getpid()}-")
    finally:
        region.destroy()
    assert not (FOLDER / region.name).exists()


def test_a_private_region_keeps_its_contents_and_is_no_longer_shared() -> None:
    region = SharedMemoryRegion(8192)
    view = region.read(8192)
    region.write(b"before")
    try:
        region.make_private()
        view[:6] = b"after!"

        assert bytes(region.read(6)) == b"after!"
        assert (FOLDER / region.name).read_bytes()[:6] == b"before"
    finally:
        region.destroy()
    assert bytes(view[:7]) == b"after!\0"


def test_regions_of_dead_processes_are_found_and_those_of_living_ones_are_not() -> None:
    mine, dead = SharedMemoryRegion(4096), leave_one()
    try:
        assert dead in dead_regions()
        assert mine.name not in dead_regions()
    finally:
        mine.destroy()
        remove_region(dead)
    assert dead not in dead_regions()


@pytest.mark.parametrize("name", ["turnout-triton-1-stub", "turnout-notes", "turnout-1-0123456789abc", "turnout-1-x"])
def test_files_of_other_programs_are_not_regions(file, name) -> None:
    file(name, 10)

    assert name not in dead_regions()


def test_a_region_that_is_being_created_is_not_dead(file) -> None:
    name = file("turnout-1-0123456789ab", 0)

    assert name not in dead_regions()
    (FOLDER / name).write_bytes(b"x")
    assert name in dead_regions()


def test_a_child_that_outlives_its_parent_keeps_the_regions_alive_until_it_closes_them() -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        region = SharedMemoryRegion(4096)
        if os.fork() == 0:
            os.write(writer, region.name.encode())
            threading.Event().wait(0.5)
        os._exit(0)
    name = os.read(reader, 100).decode()
    os.waitpid(parent, 0)

    assert name not in dead_regions()
    os.close(writer)
    assert os.read(reader, 1) == b""  # the end of the grandchild
    until(lambda: name in dead_regions(), 5)  # its files are closed one after the other
    remove_region(name)
    os.close(reader)


def test_a_file_that_another_process_tests_while_it_is_created_is_replaced(monkeypatch) -> None:
    """The other process holds its lock for a moment, and would take the file for one of a dead process."""
    opened: list[str] = []
    testers: list[int] = []
    open_file = os.open

    def open_and_be_tested(path, *arguments):
        descriptor = open_file(path, *arguments)
        opened.append(path.name)
        if len(opened) == 1:
            testers.append(open_file(path, os.O_RDWR))
            assert try_lock(testers[0])
        return descriptor

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_and_be_tested)
        region = SharedMemoryRegion(4096)
    os.close(testers[0])

    assert [name == region.name for name in opened] == [False, True]
    assert not (FOLDER / opened[0]).exists()
    assert region.name not in dead_regions()
    region.destroy()


def test_files_that_are_always_locked_are_an_error_of_the_system(monkeypatch) -> None:
    before = set(FOLDER.iterdir())
    monkeypatch.setattr(regions, "try_lock", lambda descriptor: False)

    with pytest.raises(OSError, match="locked by another process"):
        SharedMemoryRegion(4096)

    assert not {path for path in set(FOLDER.iterdir()) - before if path.name.startswith(f"turnout-{os.getpid()}-")}


def test_an_abandoned_region_is_closed_once_and_any_process_may_remove_it() -> None:
    region = SharedMemoryRegion(4096)
    region.abandon()
    other = os.open(os.devnull, os.O_RDONLY)  # gets the number that was closed

    region.destroy()

    os.fstat(other)
    os.close(other)
    left = SharedMemoryRegion(4096)
    left.abandon()
    assert left.name in dead_regions()
    left.destroy()


def test_an_array_in_an_abandoned_region_stays_valid() -> None:
    region = SharedMemoryRegion(4096)
    view = region.read(1)

    region.abandon()

    assert view[0] == 0
    region.destroy()


@pytest.mark.parametrize("end", [SharedMemoryRegion.destroy, SharedMemoryRegion.abandon])
def test_a_region_that_something_still_holds_keeps_no_descriptor(end) -> None:
    before = len(list(DESCRIPTORS.iterdir()))
    held = SharedMemoryRegion(4096)  # as the traceback of a failed request does

    end(held)

    assert len(list(DESCRIPTORS.iterdir())) == before
    remove_region(held.name)


def test_an_array_outlives_its_region() -> None:
    region = SharedMemoryRegion(4096)
    region.write(b"abc")
    view = region.read(3)

    region.destroy()

    assert bytes(view) == b"abc"
