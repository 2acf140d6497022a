"""The regions of one process: handed out, taken back, left to the parent in a child."""

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

from turnout.errors import DeadlineExceededError, InvalidRequestError
from turnout.forking import Forks
from turnout_triton.client.shared_memory import pool as pools
from turnout_triton.client.shared_memory.pool import RegionPool
from turnout_triton.client.shared_memory.region import FOLDER

NEVER = float("inf")


class Server:
    """Knows regions; refuses with ``error``."""

    def __init__(self) -> None:
        self.known: list[str] = []
        self.error: Exception | None = None

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        if self.error is not None:
            raise self.error
        self.known.append(name)

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        if self.error is not None:
            raise self.error
        self.known.remove(name)

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        return list(self.known)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def pool(server) -> Iterator[RegionPool]:
    made = RegionPool(server)
    yield made
    made.close()


def mine() -> set[str]:
    return {file.name for file in FOLDER.glob(f"turnout-{os.getpid()}-*")}


def test_a_region_that_came_back_is_handed_out_again(pool, server) -> None:
    first = pool.acquire(5000, "m", NEVER)
    second = pool.acquire(5000, "m", NEVER)
    pool.release(first)

    assert pool.acquire(1 << 20, "m", NEVER) is first
    assert pool.acquire((1 << 20) + 1, "m", NEVER).size_bytes == 1 << 21
    assert first.name in server.known
    assert second is not first


def test_a_lost_region_is_not(pool) -> None:
    lost = pool.acquire(5000, "m", NEVER)
    pool.retire(lost)

    assert pool.acquire(5000, "m", NEVER) is not lost


@pytest.mark.parametrize("error", [InvalidRequestError("no"), DeadlineExceededError("late")], ids=["refused", "late"])
def test_a_region_that_cannot_be_registered_leaves_nothing(pool, server, error) -> None:
    before = mine()
    server.error = error

    with pytest.raises(type(error)):
        pool.acquire(5000, "m", NEVER)

    assert mine() == before
    server.error = None
    assert pool.acquire(5000, "m", NEVER) is not None


def test_closing_removes_all_even_when_the_server_is_gone(server) -> None:
    before = mine()
    pool = RegionPool(server)
    pool.release(pool.acquire(5000, "m", NEVER))
    pool.retire(pool.acquire(5000, "m", NEVER))
    server.error = DeadlineExceededError("gone")

    pool.close()

    assert mine() == before


def test_a_child_has_its_own_and_leaves_the_parents(pool, server) -> None:
    region = pool.acquire(5000, "m", NEVER)
    pool.release(region)

    def work() -> bool:
        own = pool.acquire(5000, "m", NEVER)
        right = own.name != region.name and own.name.startswith(f"turnout-{os.getpid()}-")
        pool.release(own)
        pool.close()
        return right and server.known == [region.name] and not mine()

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


def test_what_a_fork_left_of_answers_is_ended_by_the_next_request(pool, server) -> None:
    region = pool.acquire(1 << 20, "m", NEVER)
    memory = pool.lend(region, 1 << 20)
    files = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(20):
        assert in_child(lambda: True)
        held = pool.acquire(1 << 20, "m", NEVER)
        memory = pool.lend(held, 1 << 20)

    assert memory is not None
    assert len(server.known) <= 2
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 2


def test_free_regions_of_other_sizes_make_room(pool, server, monkeypatch) -> None:
    monkeypatch.setattr(pools, "_MOST_BYTES", 4 << 20)
    small = [pool.acquire(1 << 20, "m", NEVER) for _ in range(4)]
    for region in small:
        pool.release(region)

    large = pool.acquire(4 << 20, "m", NEVER)

    assert large is not None
    assert server.known == [large.name]
    assert pool.acquire(1 << 20, "m", NEVER) is None
    assert pool.make_room(NEVER) is False
    pool.release(large)
    assert pool.make_room(NEVER) is True
    assert server.known == []
