"""The regions of one process: acquired, released, and kept by the parent after a fork."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.triton.client.children import in_child
from tests.plugins.triton.client.waiting import until

from turnout.errors import DeadlineExceededError, InvalidRequestError
from turnout.forking import Forks
from turnout_triton.client.failures import RegionRefusedError
from turnout_triton.client.shared_memory import pool as pools
from turnout_triton.client.shared_memory.pool import RegionPool
from turnout_triton.client.shared_memory.region import FOLDER

NEVER = float("inf")


class Server:
    """Registers regions; refuses with ``error``."""

    def __init__(self) -> None:
        self.registered: list[str] = []
        self.error: Exception | None = None

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        if self.error is not None:
            raise self.error
        self.registered.append(name)

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        if self.error is not None:
            raise self.error
        self.registered.remove(name)

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        return list(self.registered)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def pool(server) -> Iterator[RegionPool]:
    made = RegionPool(server, "url")
    yield made
    made.close()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def mine() -> set[str]:
    return {file.name for file in FOLDER.glob(f"turnout-{os.getpid()}-*")}


def test_a_released_region_is_reused(pool, server) -> None:
    first = pool.acquire(5000, "m", NEVER)
    second = pool.acquire(5000, "m", NEVER)
    pool.release(first)

    assert pool.acquire(1 << 20, "m", NEVER) is first
    assert pool.acquire((1 << 20) + 1, "m", NEVER).size_bytes == 1 << 21
    assert first.name in server.registered
    assert second is not first


def test_a_retired_region_is_not_reused(pool) -> None:
    lost = pool.acquire(5000, "m", NEVER)
    pool.retire(lost)

    assert pool.acquire(5000, "m", NEVER) is not lost


def test_a_region_that_the_server_refuses_is_removed_at_once(pool, server) -> None:
    before = mine()
    server.error = InvalidRequestError("no")

    with pytest.raises(InvalidRequestError):
        pool.acquire(5000, "m", NEVER)

    assert mine() == before
    server.error = None
    assert pool.acquire(5000, "m", NEVER) is not None


def test_a_region_that_the_server_may_have_registered_is_unregistered_before_it_is_removed(pool, server) -> None:
    before = mine()
    server.error = DeadlineExceededError("late")
    with pytest.raises(DeadlineExceededError):
        pool.acquire(5000, "m", NEVER)
    [name] = mine() - before
    server.registered.append(name)  # which it did, too late

    server.error = None

    until(lambda: mine() == before, 5)
    assert server.registered == []


def test_a_retired_region_is_closed_here_at_once(pool, server) -> None:
    region = pool.acquire(5000, "m", NEVER)
    server.error = RegionRefusedError("it is currently in use")
    files = open_files()

    pool.retire(region)

    assert open_files() == files - 2  # its own and that of the mapping
    assert region.name in mine()
    with pytest.raises(ValueError, match="closed"):
        region.read(1)
    server.error = None
    until(lambda: region.name not in mine(), 5)
    assert server.registered == []


def test_regions_in_use_at_a_fork_are_closed_in_the_child(pool) -> None:
    held = [pool.acquire(5000, "m", NEVER) for _ in range(3)]
    files = open_files()

    assert in_child(lambda: open_files() <= files - 3)
    assert [region.read(1) for region in held]


def test_a_region_of_the_parent_never_gets_into_the_pool_of_a_child(pool) -> None:
    """As when a signal handler forks in the middle of a request, and the child ends the request too."""
    region = pool.acquire(5000, "m", NEVER)

    def work() -> bool:
        pool.release(region)
        return pool.acquire(5000, "m", NEVER).name != region.name

    assert in_child(work)
    assert region.read(1) is not None


def test_close_removes_all_regions_even_without_a_server(server) -> None:
    before = mine()
    pool = RegionPool(server, "url")
    pool.release(pool.acquire(5000, "m", NEVER))
    pool.retire(pool.acquire(5000, "m", NEVER))
    server.error = DeadlineExceededError("down")

    pool.close()

    assert mine() == before


def test_a_child_has_its_own_regions_and_keeps_the_parents(pool, server) -> None:
    region = pool.acquire(5000, "m", NEVER)
    pool.release(region)

    def work() -> bool:
        own = pool.acquire(5000, "m", NEVER)
        right = own.name != region.name and own.name.startswith(f"turnout-{os.getpid()}-")
        pool.release(own)
        pool.close()
        return right and server.registered == [region.name] and not mine()

    assert in_child(work)
    assert (FOLDER / region.name).exists()
    assert pool.acquire(5000, "m", NEVER) is region


@contextlib.contextmanager
def held_by_another_thread(lock: Any) -> Iterator[None]:
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            free.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    try:
        yield
    finally:
        free.set()
        holder.join()


def test_a_lock_that_was_held_at_the_fork_is_free_in_the_child(pool) -> None:
    with held_by_another_thread(pool._lock):
        assert in_child(lambda: pool.acquire(5000, "m", NEVER) is not None)


def test_a_child_without_new_locks_would_hang(pool, monkeypatch) -> None:
    monkeypatch.setattr(Forks, "_renewed", weakref.WeakSet())
    with held_by_another_thread(pool._lock):
        assert not in_child(lambda: pool.acquire(5000, "m", NEVER) is not None)


def test_detached_regions_are_removed_by_the_next_request(pool, server) -> None:
    region = pool.acquire(1 << 20, "m", NEVER)
    memory = pool.lend(region, 1 << 20)
    files = open_files()

    for _ in range(20):
        assert in_child(lambda: True)
        held = pool.acquire(1 << 20, "m", NEVER)
        memory = pool.lend(held, 1 << 20)

    assert memory is not None
    assert len(server.registered) <= 2
    assert open_files() <= files + 2


def test_free_regions_of_other_sizes_make_room(pool, server, monkeypatch) -> None:
    monkeypatch.setattr(pools, "_MOST_BYTES", 4 << 20)
    small = [pool.acquire(1 << 20, "m", NEVER) for _ in range(4)]
    for region in small:
        pool.release(region)

    large = pool.acquire(4 << 20, "m", NEVER)

    assert large is not None
    assert server.registered == [large.name]
    assert pool.acquire(1 << 20, "m", NEVER) is None
    assert pool.make_room(NEVER) is False
    pool.release(large)
    assert pool.make_room(NEVER) is True
    assert server.registered == []
