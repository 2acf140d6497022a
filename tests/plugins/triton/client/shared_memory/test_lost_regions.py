"""Lost regions: never given back, freed once when the server consents or has ended, by a thread that then ends too."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest
from tests.plugins.triton.client.children import in_child
from tests.plugins.triton.client.waiting import until

from turnout.errors import BackendUnavailableError, DeadlineExceededError, NotReachedError
from turnout_triton.client.failures import RegionRefusedError, UnknownCallError
from turnout_triton.client.shared_memory import lost_regions as room
from turnout_triton.client.shared_memory.lost_regions import LostRegions

IN_USE = RegionRefusedError("it is currently in use")


@dataclass(frozen=True)
class Region:
    name: str


class Server:
    """Refuses to unregister the regions in ``used``, and fails with ``error``."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.freed: list[str] = []

    def unregister(self, name: str, timeout_seconds: float) -> None:
        self.asked.append(name)
        if self.error is not None:
            raise self.error
        if name in self.used:
            raise IN_USE

    def free(self, region: Region) -> None:
        self.freed.append(region.name)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def lost(server) -> Any:
    made: LostRegions[Region] = LostRegions(server.unregister, server.free, "url")
    yield made
    server.used, server.error = set(), None
    made.close(5)


def workers() -> int:
    return sum(thread.name == "turnout-lost-regions" for thread in threading.enumerate())


def test_a_region_is_freed_once_when_the_server_has_finished_with_it(lost, server) -> None:
    server.used = {"a"}
    for name in "ab":
        lost.add(Region(name))
    until(lambda: server.asked.count("a") > 2, 5)
    assert server.freed == ["b"]

    server.used = set()

    assert until(lambda: server.freed == ["b", "a"], 5) < 1
    until(lambda: workers() == 0, 5)


def test_one_thread_serves_many_regions_and_another_comes_after_its_end(lost, server) -> None:
    for start in range(2):
        server.used = {str(number) for number in range(100)}
        for number in range(100):
            lost.add(Region(str(number)))
        assert workers() == 1
        server.used = set()
        until(lambda start=start: len(server.freed) == 100 * (start + 1), 5)
        until(lambda: workers() == 0, 5)


@pytest.mark.parametrize("error", [DeadlineExceededError("hung"), BackendUnavailableError("reset")], ids=["hung", "reset"])
def test_nothing_is_freed_while_the_server_does_not_answer(lost, server, error) -> None:
    server.error = error
    for name in "ab":
        lost.add(Region(name))
    until(lambda: len(server.asked) > 3, 5)
    assert (server.freed, set(server.asked)) == ([], {"a"})  # the second would wait as long

    server.error = None

    until(lambda: server.freed == ["a", "b"], 5)


def test_a_server_that_refuses_connections_for_a_while_has_ended(lost, server, monkeypatch) -> None:
    monkeypatch.setattr(room, "_GONE_SECONDS", 0.1)
    server.error = NotReachedError("connection refused")
    start = time.monotonic()

    lost.add(Region("a"))

    until(lambda: server.freed == ["a"], 5)
    assert time.monotonic() - start >= 0.1


def test_a_server_without_shared_memory_has_taken_its_place(lost, server) -> None:
    server.error = UnknownCallError("unknown call")

    lost.add(Region("a"))

    until(lambda: server.freed == ["a"], 5)


def test_too_many_are_logged_once_until_half_of_them_are_freed(lost, server, caplog) -> None:
    names = [str(number) for number in range(32)]
    server.used = set(names)
    for name in names[:31]:
        lost.add(Region(name))
    assert not lost.are_too_many()

    with caplog.at_level(logging.WARNING):
        lost.add(Region(names[31]))
        assert lost.are_too_many()
        server.used = set(names[:17])
        until(lambda: len(server.freed) == 15, 5)
        assert lost.are_too_many()
        server.used = set(names[:16])
        until(lambda: len(server.freed) == 16, 5)
        assert not lost.are_too_many()

    assert [record.getMessage() for record in caplog.records] == [
        "triton at 'url': late requests hold 32 regions of shared memory; large tensors go over the wire until they end"
    ]


def test_close_waits_a_little_for_regions_in_use_and_frees_them_all(server) -> None:
    lost: LostRegions[Region] = LostRegions(server.unregister, server.free, "url")
    server.used = {"a"}
    lost.add(Region("a"))

    lost.close(0.1)
    lost.add(Region("b"))

    assert server.freed == ["a", "b"]
    assert workers() == 0


def test_close_does_not_wait_for_a_server_that_does_not_answer(server) -> None:
    lost: LostRegions[Region] = LostRegions(server.unregister, server.free, "url")
    server.error = DeadlineExceededError("hung")
    for number in range(20):
        lost.add(Region(str(number)))

    start = time.monotonic()
    lost.close(60)

    assert len(server.freed) == 20
    assert time.monotonic() - start < 5


def test_a_child_starts_with_none(lost, server) -> None:
    server.used = {"a"}
    lost.add(Region("a"))

    def work() -> bool:
        lost.add(Region("b"))
        until(lambda: server.freed == ["b"], 5)
        return True

    assert in_child(work)
    assert server.freed == []


def test_a_region_that_cannot_be_freed_keeps_no_other(lost, server, caplog) -> None:
    """CUDA and the system raise errors of their own."""
    free = server.free

    def fail(region: Region) -> None:
        free(region)
        raise OSError("cuIpc")

    broken: LostRegions[Region] = LostRegions(server.unregister, fail, "url")
    for name in ("a", "b", "c"):
        broken.add(Region(name))
    until(lambda: len(server.freed) == 3, 5)

    broken.add(Region("d"))
    until(lambda: len(server.freed) == 4, 5)
    assert "region 'a' cannot be freed: cuIpc" in caplog.text
    broken.close(1)


def test_without_threads_a_region_is_kept_and_the_next_one_tries_again(lost, server, monkeypatch, caplog) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(threading.Thread, "start", refused)
        lost.add(Region("a"))
    assert "can't start new thread; raise the limit on threads" in caplog.text

    lost.add(Region("b"))

    until(lambda: server.freed == ["a", "b"], 5)
