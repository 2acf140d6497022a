"""The port of turnout.yaml: errors, workers that share it, forks."""

from __future__ import annotations

import logging
import os
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from turnout.errors import ConfigurationError
from turnout.serving.port.port import Port

MULTI = "PROMETHEUS_MULTIPROC_DIR"
LIMIT_SECONDS = 20


def who(name: str) -> Callable[..., list[bytes]]:
    def answer(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [name.encode()]

    return answer


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT_SECONDS) as answer:
        text: str = answer.read().decode()
        return text


def until(answers: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not answers():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def stranger_on(port: int) -> Iterator[None]:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        yield


def answers(port: int, name: str) -> bool:
    try:
        return get(port) == name
    except OSError:
        return False


@pytest.fixture
def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def make(free: int) -> Iterator[Callable[..., Port]]:
    ports: list[Port] = []

    def make(name: str = "one", address: str = "127.0.0.1", where: str = "turnout.yaml:2") -> Port:
        ports.append(Port(address, free, {"/metrics": who(name)}, where))
        return ports[-1]

    yield make
    for port in ports:
        port.close()


def test_a_port_answers_from_open_to_close(make: Callable[..., Port], free: int) -> None:
    port = make()
    port.open()
    assert get(free) == "one"

    port.close()

    with pytest.raises(OSError, match="refused"):
        get(free)
    port.close()


def test_a_port_that_is_taken_is_one_error_with_the_place(make: Callable[..., Port], free: int) -> None:
    second = make("two")

    with stranger_on(free), pytest.raises(ConfigurationError) as error:
        second.open()

    assert str(error.value) == (
        f"metrics.port {free} cannot be opened on 127.0.0.1: another process listens there; change metrics.port or "
        "metrics.address, or stop what listens there; if that is another worker of this app, name a folder in "
        f"{MULTI}, and one worker answers for all. In turnout.yaml:2."
    )
    second.open()
    assert get(free) == "two"


def test_a_port_of_another_app_of_this_process_is_one_error_that_says_so(make: Callable[..., Port], free: int) -> None:
    first, second = make(), make("two")
    first.open()

    with pytest.raises(ConfigurationError) as error:
        second.open()

    assert str(error.value) == (
        f"metrics.port {free} cannot be opened on 127.0.0.1: another app of this process listens there; close that app first, "
        "or change metrics.port of one of them. In turnout.yaml:2."
    )
    assert get(free) == "one"
    first.close()
    second.open()
    assert get(free) == "two"


def test_an_address_of_another_machine_is_one_error(make: Callable[..., Port]) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be opened on 192\.0\.2\.1: this machine has no such address; change"):
        make(address="192.0.2.1").open()


def test_an_address_that_others_reach_is_a_warning(
    make: Callable[..., Port], free: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        make(address="0.0.0.0").open()

    assert [record.getMessage() for record in caplog.records] == [
        f"port {free} answers everybody who can reach 0.0.0.0, without a password"
    ]
    assert get(free) == "one"


def test_of_two_workers_the_second_listens_when_the_first_has_ended(
    make: Callable[..., Port], free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(MULTI, str(tmp_path))
    first, second = make(), make("two")

    with caplog.at_level(logging.WARNING):
        first.open()
        second.open()
        assert get(free) == "one"
        first.close()
        until(lambda: answers(free, "two"))

    assert caplog.records == []


def test_a_worker_whose_port_another_program_has_logs_it_and_listens_when_that_has_ended(
    make: Callable[..., Port], free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that ends at its start would take gunicorn with it."""
    monkeypatch.setenv(MULTI, str(tmp_path))
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/27.0.1")
    worker = make("worker")

    with stranger_on(free):
        worker.open()

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith(f"metrics.port {free} cannot be opened on 127.0.0.1: another process listens there;")
    assert "another worker" not in record.getMessage()
    until(lambda: answers(free, "worker"))


def test_a_port_that_waits_can_be_closed(
    make: Callable[..., Port], free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MULTI, str(tmp_path))
    first, second = make(), make("two")
    first.open()
    second.open()

    second.close()

    first.close()
    with pytest.raises(OSError, match="refused"):
        get(free)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_leaves_the_port_to_its_parent(
    make: Callable[..., Port], free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MULTI, str(tmp_path))
    port = make()
    port.open()
    ended, end = os.pipe()
    child = os.fork()
    if child == 0:
        port.close()
        os.read(ended, 1)
        os._exit(0)
    try:
        assert get(free) == "one"
        port.close()
        successor = make("two")
        successor.open()

        assert get(free) == "two"
    finally:
        os.write(end, b"x")
        os.waitpid(child, 0)
