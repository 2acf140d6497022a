"""Listening: what cannot be had is one line."""

from __future__ import annotations

import socket
import sys

import pytest

from turnout.errors import ConfigurationError
from turnout_web.server.sockets import bind, url_of


def test_a_free_port_is_found_for_every_address_of_a_name() -> None:
    found = bind("localhost", 0)

    try:
        assert len({listening.getsockname()[1] for listening in found}) == 1
    finally:
        for listening in found:
            listening.close()


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigurationError) as refused:
        bind("127.0.0.1", other.getsockname()[1])

    assert "another program listens there; stop it, or give another --port" in str(refused.value)
    assert refused.value.next_step == "turnout serve --port 0"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("203.0.113.7", "this machine does not have the address"),
        ("no.such.host.invalid", "no address has this name"),
        ("a" * 300, "no address has this name"),
        ("", "no address has this name"),
        ("\x00", "no address has this name"),
        ("b\u00fc\u00df.invalid", "no address has this name"),
    ],
)
def test_a_bad_host_is_one_line(host: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refused:
        bind(host, 0)

    assert "\n" not in str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="no privileged ports")
def test_a_privileged_port_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # root may use every port, and tests may run as root.
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(ConfigurationError, match="this user may use ports from 1024"):
        bind("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8"),
        ("::1", "http://[::1]:8"),
        ("0.0.0.0", "http://127.0.0.1:8"),
        ("::", "http://[::1]:8"),
    ],
)
def test_the_url_is_one_that_this_machine_reaches(host: str, url: str) -> None:
    assert url_of(host, 8) == url
