"""The health of an app whose only server is killed, paused and restarted, with requests and without."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.plugins.triton.chaos.stack import FALLS_BACK, Stack
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.client.waiting import until

from turnout import Turnout
from turnout.cli.group import turnout as command_line
from turnout.errors import TurnoutError
from turnout.health import ArmHealth
from turnout.serving.health import collection

X = np.ones((1, 4), np.float32)
OpenStack = Callable[..., Stack]


def ask(app: Turnout) -> ArmHealth:
    return app.health().models["identity"].arms[0]


def send(stack: Stack, count: int = 1) -> None:
    for _ in range(count):
        try:
            stack.model.infer({"x": X}, timeout_seconds=5)
        except TurnoutError:
            continue


def test_a_server_that_is_killed_under_load_and_restarted(own_server, protocol: str, open_stack: OpenStack) -> None:
    server = own_server()
    stack = open_stack(url_of(server, protocol))
    send(stack)
    assert (stack.app.health().ready, ask(stack.app).circuit, ask(stack.app).version) == (True, "closed", "1")

    server.kill()
    send(stack, 6)
    dead, arm = stack.app.health(), ask(stack.app)
    server.restart()
    until(lambda: send(stack) or stack.app.health().ready, 20)

    assert not dead.ready
    assert "circuit open since" in dead.reasons[0]
    assert (arm.state, arm.circuit) == ("open", "open")
    assert arm.last_error is not None
    assert "cannot be reached" in arm.last_error
    assert ask(stack.app).circuit == "closed"


def test_a_server_that_dies_without_requests_is_noticed_and_so_is_its_return(
    own_server, open_stack: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "ANSWERED_SECONDS", 0.0)
    server = own_server()
    stack = open_stack(url_of(server, "grpc"))
    send(stack)
    server.kill()

    dead = stack.app.health()
    server.restart()

    assert dead.reasons == ("model 'identity': backend 'triton': it reports that it is not ready",)
    # Without a request, which a probe that took the app out of service would keep away.
    until(lambda: stack.app.health().ready, 20)


def test_a_server_that_hangs_costs_a_probe_its_limit(
    own_server, open_stack: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "ANSWERED_SECONDS", 0.0)
    server = own_server()
    stack = open_stack(url_of(server, "grpc"))
    send(stack)
    server.pause()

    start = time.monotonic()
    hanging = [stack.app.health(timeout_seconds=0.2) for _ in range(3)]
    seconds = time.monotonic() - start
    server.resume()

    assert {report.ready for report in hanging} == {False}
    assert "within 0.2 s that it is ready" in hanging[0].reasons[0]
    assert seconds < 3
    until(lambda: stack.app.health().ready, 20)


def test_a_fallback_keeps_the_app_ready(own_server, open_stack: OpenStack) -> None:
    server = own_server()
    stack = open_stack(url_of(server, "grpc"), FALLS_BACK)
    server.kill()
    send(stack, 6)

    model = stack.app.health().models["identity"]

    assert (model.ready, model.fallback_in_use) == (True, "local")
    assert [arm.ready for arm in model.arms] == [False, True]


def test_the_command_asks_the_servers_of_a_file(own_server, tmp_path: Path) -> None:
    server = own_server()
    file, url = tmp_path / "turnout.yaml", url_of(server, "grpc")
    file.write_text(f"models: {{identity: {{backend: triton, backends: {{triton: {{url: '{url}'}}}}}}}}\n")

    up = CliRunner().invoke(command_line, ["health", "--config", str(file), "--json"])
    server.kill()
    down = CliRunner().invoke(command_line, ["health", "--config", str(file), "--json"])

    assert (up.exit_code, json.loads(up.stdout)["models"]["identity"]["arms"][0]["state"]) == (0, "open")
    assert down.exit_code == 1
    assert "cannot be reached" in json.loads(down.stdout)["reasons"][0]
