"""Proxies of the environment: never asked for loopback, and named where a connection to another host fails."""

from __future__ import annotations

import numpy as np
import pytest
from tests.plugins.triton.client.urls import settings
from tests.plugins.triton.conftest import AT_ONCE

import turnout
from turnout.errors import NotReachedError
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.proxy_variables import proxy_note
from turnout_triton.server import LocalServer

NAMES = ("grpc_proxy", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture
def proxies(monkeypatch) -> None:
    """Every variable names a proxy at which nothing listens."""
    for name in NAMES:
        monkeypatch.setenv(name, "http://user:secret@127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.setenv(name, "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_called_directly(server, proxies, protocol, host) -> None:
    port = server.ports.grpc if protocol == "grpc" else server.ports.http
    with turnout.open(settings(f"{protocol}://{host}:{port}", "identity")) as app:
        x = np.ones((1, 2), np.float32)

        assert app.model("identity").infer({"x": x})["y"].tolist() == x.tolist()


def test_a_server_of_this_machine_becomes_ready(small_repository, proxies) -> None:
    with LocalServer(small_repository, AT_ONCE) as running:
        assert running.running


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (
            "grpc://192.0.2.1:8001",
            r"goes through the proxy '127\.0\.0\.1:9' of grpc_proxy unless no_proxy names '192\.0\.2\.1'",
        ),
        ("http://no-such-host.invalid:8000", r"the proxy '127\.0\.0\.1:9' of https_proxy is not used over HTTP"),
    ],
)
def test_another_host_that_is_not_reached_names_the_proxy_without_its_password(proxies, url, text) -> None:
    with (
        turnout.open(settings(url, "identity", timeout_seconds=5)) as app,
        pytest.raises(NotReachedError, match=text) as caught,
    ):
        app.model("identity").infer({"x": np.ones((1, 2), np.float32)})

    assert "secret" not in str(caught.value)


def test_no_proxy_is_no_note(monkeypatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)

    assert proxy_note(Endpoint("grpc", "triton", 8001)) == ""
