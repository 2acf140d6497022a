"""A lent array belongs to its holder alone, until the last view is freed."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.plugins.triton.client.children import in_child

from turnout_triton.client.shared_memory import leases as room
from turnout_triton.client.shared_memory.leases import ArrayLeases, LeaseBudget
from turnout_triton.client.shared_memory.region import SharedMemoryRegion

SIZE = 1 << 16


@pytest.fixture(autouse=True)
def budget(monkeypatch) -> LeaseBudget:
    """A budget of the test's own."""
    own = LeaseBudget()
    monkeypatch.setattr(ArrayLeases, "budget", own)
    return own


@pytest.fixture
def leases() -> ArrayLeases:
    return ArrayLeases()


@pytest.fixture
def region() -> Iterator[SharedMemoryRegion]:
    made = SharedMemoryRegion(SIZE)
    made.write(b"\7" * SIZE)
    yield made
    made.destroy()


def views() -> list[Callable[[np.ndarray], object]]:
    return [
        lambda memory: memory[5:9],
        lambda memory: memory.view(np.float32).reshape(-1, 4).T[1:, ::2],
        lambda memory: np.frombuffer(memory, np.float32).reshape(4, -1)[2],
        memoryview,
        lambda memory: memoryview(memory)[3:].cast("B"),
        lambda memory: np.asarray(memoryview(memory)).view(np.int16)[:1],
    ]


@pytest.mark.parametrize("view", views())
def test_a_region_is_returned_once_when_its_last_view_is_freed(leases, region, view) -> None:
    memory = leases.lend(region, SIZE)
    held = view(memory)
    del memory
    gc.collect()

    assert leases.take_returned() == []
    del held
    assert leases.take_returned() == [region]
    assert leases.take_returned() == []


def test_a_region_that_is_returned_too_early_would_be_noticed(leases, region, monkeypatch) -> None:
    """The planted bug: the lease ends with a view while others live."""
    monkeypatch.setattr(room.np, "frombuffer", lambda data, dtype: memoryview(bytearray(data)))
    memory = leases.lend(region, SIZE)
    held = np.asarray(memory)
    del memory

    assert leases.take_returned() == [region]
    assert held[0] == 7


def test_memory_is_lent_without_a_copy_and_can_be_written_to(leases, region) -> None:
    memory = leases.lend(region, SIZE - 1)

    memory[:] = 9

    assert memory.shape == (SIZE - 1,)
    assert bytes(region.read(SIZE)[-2:]) == b"\x09\x07"


@pytest.mark.parametrize(("limit", "most"), [("_MOST_BYTES", 2 * SIZE), ("_MOST_REGIONS", 2)])
def test_the_limit_on_lent_regions_is_one_for_all_leases_of_a_process(monkeypatch, leases, limit, most) -> None:
    monkeypatch.setattr(room, limit, most)
    others, regions = ArrayLeases(), [SharedMemoryRegion(SIZE) for _ in range(3)]
    try:
        memories = [leases.lend(regions[0], SIZE), others.lend(regions[1], SIZE)]

        assert all(memory is not None for memory in memories)
        assert leases.lend(regions[2], SIZE) is None
        del memories[0]
        assert [one.name for one in leases.take_returned()] == [regions[0].name]
        assert leases.lend(regions[2], SIZE) is not None
    finally:
        for region in regions:
            region.destroy()


def test_an_array_that_is_freed_after_close_is_returned_to_the_budget(monkeypatch, leases, region) -> None:
    monkeypatch.setattr(room, "_MOST_REGIONS", 1)
    memory = leases.lend(region, SIZE)
    leases.close()
    other = SharedMemoryRegion(SIZE)
    try:
        assert ArrayLeases().lend(other, SIZE) is None
        del memory
        assert ArrayLeases().lend(other, SIZE) is not None
    finally:
        other.destroy()


def test_a_detached_region_counts_until_its_array_is_freed(monkeypatch, leases, region) -> None:
    monkeypatch.setattr(room, "_MOST_REGIONS", 1)
    memory = leases.lend(region, SIZE)
    other = SharedMemoryRegion(SIZE)
    try:
        assert in_child(lambda: leases.lend(other, SIZE) is not None)  # which has a budget of its own
        assert leases.lend(other, SIZE) is None
        del memory
        leases.take_returned()
        assert leases.lend(other, SIZE) is not None
    finally:
        other.destroy()


@pytest.mark.parametrize("system", [lambda _: os.statvfs("/"), None], ids=["small", "none"])
def test_nothing_is_lent_where_the_system_has_little_shared_memory_or_none(monkeypatch, leases, region, system) -> None:
    monkeypatch.setattr(room, "FOLDER", room.FOLDER / "nowhere")
    assert room.memory_bytes() == 0
    monkeypatch.setattr(room, "memory_bytes", lambda: 8 * SIZE - 1 if system else 0)

    assert leases.lend(region, SIZE) is None


def test_a_mostly_empty_region_is_not_lent(leases, region) -> None:
    assert leases.lend(region, SIZE // 2 - 1) is None
    assert leases.lend(region, SIZE // 2) is not None


def test_an_array_that_is_held_at_close_stays_valid_and_nothing_is_lent_after(leases, region) -> None:
    memory = leases.lend(region, SIZE)

    assert leases.close() == [region]
    (room.FOLDER / region.name).write_bytes(b"\1" * SIZE)

    assert leases.lend(region, SIZE) is None
    del memory
    assert leases.take_returned() == []


def child_and_parent_agree(leases: ArrayLeases, region: SharedMemoryRegion) -> bool:
    """Return whether an array held at a fork is each process's own afterwards."""
    memory = leases.lend(region, SIZE)
    go_on, written = os.pipe(), os.pipe()

    def work() -> bool:
        mine = int(memory[0]) == 7
        memory[0] = 8
        os.write(written[1], b"x")
        os.read(go_on[0], 1)  # meanwhile the parent writes
        return mine and int(memory[0]) == 8 and int(memory[1]) == 7

    def parent() -> None:
        os.read(written[0], 1)
        seen.append(int(memory[0]))
        memory[1] = 9
        os.write(go_on[1], b"x")

    seen: list[int] = []
    writer = threading.Thread(target=parent)
    writer.start()
    held = in_child(work)
    writer.join(10)
    for end in (*go_on, *written):
        os.close(end)
    return held and seen == [7] and memory[:3].tolist() == [7, 9, 7]


def test_an_array_is_each_processs_own_after_a_fork(leases, region) -> None:
    assert child_and_parent_agree(leases, region)
    assert leases.take_detached() == [region]
    assert leases.take_detached() == []
    assert leases.take_returned() == []


def test_an_array_that_a_child_shares_would_be_noticed(leases, region, monkeypatch) -> None:
    monkeypatch.setattr(SharedMemoryRegion, "make_private", lambda self: None)

    assert not child_and_parent_agree(leases, region)


def test_a_childs_copy_returns_nothing(leases, region) -> None:
    memory = [leases.lend(region, SIZE)]

    def work() -> bool:
        memory.clear()
        own = leases.lend(region, SIZE)
        return leases.take_returned() == [] and own is not None

    assert in_child(work)
    assert memory[0][0] == 7


def test_an_array_that_is_lent_during_a_fork_is_each_processs_own_too(leases, region, monkeypatch) -> None:
    """As by a thread that runs on while another one forks."""
    monkeypatch.setattr(ArrayLeases, "around_fork", lambda self: None)
    memory = leases.lend(region, SIZE)

    def work() -> bool:
        memory[0] = 8
        return True

    assert in_child(work)
    assert memory[0] == 7


def test_a_fork_in_a_signal_handler_does_not_wait_for_its_own_thread(leases, region) -> None:
    held: list[bool] = []
    kept = signal.signal(signal.SIGUSR1, lambda *_: held.append(in_child(lambda: True)))
    try:
        with leases._lock:
            os.kill(os.getpid(), signal.SIGUSR1)
            threading.Event().wait(0.01)
    finally:
        signal.signal(signal.SIGUSR1, kept)

    assert held == [True]


def test_memory_that_cannot_be_made_private_is_logged_and_the_fork_succeeds(leases, region, monkeypatch, caplog) -> None:
    def refused(_: SharedMemoryRegion) -> None:
        raise OSError(12, "Cannot allocate memory")

    memories = [leases.lend(region, SIZE)]
    monkeypatch.setattr(SharedMemoryRegion, "make_private", refused)

    assert in_child(lambda: True)
    assert in_child(lambda: True)
    assert ["shared with a forked child" in record.getMessage() for record in caplog.records] == [True]
    assert [one.name for one in leases.take_detached()] == [region.name]
    del memories


def test_threads_may_lend_while_the_process_forks(leases) -> None:
    regions = [SharedMemoryRegion(SIZE) for _ in range(4)]
    end = threading.Event()
    wrong: list[int] = []

    def work(number: int) -> None:
        region = regions[number]
        while not end.is_set():
            region.write(bytes([number]) * SIZE)
            memory = leases.lend(region, SIZE)
            if memory is not None and memory[number] != number:
                wrong.append(number)
            del memory
            leases.take_returned()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    held = [in_child(lambda: leases.lend(regions[0], SIZE) is not None) for _ in range(20)]
    end.set()
    for thread in threads:
        thread.join(10)
    for region in regions:
        region.destroy()

    assert all(held)
    assert not wrong
