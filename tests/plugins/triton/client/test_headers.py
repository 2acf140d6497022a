"""Headers reach the server only: not errors, not logs, not reprs."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from tests.plugins.triton.client.broken_servers import answers, broken_server
from tests.plugins.triton.client.proxies import proxy

import turnout
from turnout.errors import ConfigurationError, TurnoutError

TOKEN = "s3cr3t-t0k3n"
X = np.ones((1, 2), np.float32)
YAML = """
models:
  identity:
    backend: triton
    backends:
      triton:
        url: {url}
        headers: {{authorization: "Bearer ${{TOKEN}}", X-Team: blue}}
"""


@pytest.fixture
def app_at(tmp_path, monkeypatch):
    """Opens an app whose turnout.yaml has the token of the environment."""

    def open_app(url: str, token: str = TOKEN):
        monkeypatch.setenv("TOKEN", token)
        (tmp_path / "turnout.yaml").write_text(YAML.format(url=url))
        return turnout.open(tmp_path / "turnout.yaml")

    return open_app


def test_every_call_carries_the_headers(server, protocol, app_at) -> None:
    target = server.grpc_url if protocol == "grpc" else server.http_url

    with proxy(target) as (address, seen), app_at(f"{protocol}://{address}") as app:
        for _ in range(3):
            assert app.model("identity").infer({"x": X})["y"].tolist() == [[1, 1]]

        assert b"Bearer " + TOKEN.encode() in seen
        assert b"x-team" in seen
        if protocol == "http":
            assert seen.count(TOKEN.encode()) == 5  # metadata, configuration, and three requests


def test_a_secret_is_never_shown(protocol, app_at, caplog) -> None:
    refusal = b"HTTP/1.1 401 No\r\ncontent-length: 19\r\n\r\n" + b'{"error":"go away"}'

    with caplog.at_level(logging.DEBUG), broken_server(answers(refusal)) as address, app_at(f"{protocol}://{address}") as app:
        with pytest.raises(TurnoutError) as caught:
            app.model("identity").infer({"x": X}, timeout_seconds=2)
        shown = [
            repr(caught.value),
            str(caught.value),
            caplog.text,
            repr(app),
            repr(app._loaded),
            repr(app._loaded.backend_options),
        ]
        cause = caught.value.__cause__
        while cause is not None:
            shown.append(repr(cause))
            cause = cause.__cause__

    assert not any(TOKEN in text for text in shown)


@pytest.mark.parametrize("token", ["line\nbreak", "tab\t", "\u00e9", "\x7f"], ids=repr)
def test_a_value_that_no_header_carries_is_refused_without_showing_it(protocol, app_at, token) -> None:
    refused = pytest.raises(ConfigurationError, match="the value of header 'authorization'")
    with app_at(f"{protocol}://127.0.0.1:1", f"{TOKEN}{token}") as app, refused as caught:
        app.model("identity").infer({"x": X})

    assert TOKEN not in str(caught.value)
