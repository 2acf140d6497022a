"""A real server as a canary, with weights that change under load."""

from __future__ import annotations

import pytest
from tests.plugins.triton.chaos.load import FULL, Load, keep_busy, log_run, unique_input
from tests.plugins.triton.chaos.outage import through_an_outage
from tests.plugins.triton.chaos.stack import Stack
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.client.waiting import until

from turnout import InferenceRequest
from turnout.settings.edit.weight import switch_weight

RELOADS = 200 if FULL else 40
FILE = """\
models:
  identity:
    backend: local
    canary: {{backend: triton, weight: 0.5}}
    backends:
      local:
      triton: {{url: "{url}"}}
"""
HALF = {"backend": "local", "canary": {"backend": "triton", "weight": 0.5, "key": "user"}}


@pytest.fixture
def server(own_server):
    return own_server()


def check_counters(stack: Stack, sent: int) -> None:
    """Fail unless every one of ``sent`` requests is counted where it went, and again where it fell back."""
    tried = stack.attempts("triton") + stack.refused("triton")
    assert tried + stack.attempts("local") == sent + stack.fell_back()


def test_a_canary_that_is_killed_loses_no_request_and_gets_its_share_again(server, protocol, open_stack) -> None:
    stack = open_stack(url_of(server, protocol), HALF)

    report = through_an_outage(server, stack)

    log_run(report, f"triton {stack.answered('triton')}, local {stack.answered('local')}, back {stack.fell_back()}")
    report.check_all_answered()
    check_counters(stack, report.sent)
    assert stack.answered("triton") + stack.answered("local") == report.sent


def test_one_user_stays_on_one_backend(server, protocol, open_stack) -> None:
    stack = open_stack(url_of(server, protocol), HALF)
    on_triton = []

    for user in range(40):
        before = stack.attempts("triton")
        for index in range(5):
            stack.model.infer(InferenceRequest({"x": unique_input(user, index)}, parameters={"user": f"user {user}"}))
        on_triton.append(stack.attempts("triton") - before)

    assert set(on_triton) == {0, 5}
    assert 8 <= on_triton.count(5) <= 32
    check_counters(stack, 200)


def test_the_weight_changes_under_load_and_nothing_is_lost(server, protocol, open_stack, tmp_path) -> None:
    url, file = url_of(server, protocol), tmp_path / "turnout.yaml"
    file.write_text(FILE.format(url=url))
    stack = open_stack(url, file=file)

    with keep_busy(Load(stack.model, 8, 0.005)) as load:
        for number in range(RELOADS):
            switch_weight(file, "identity", "triton", number % 5 / 4)
            stack.app.reload()
            sent = load.sent
            until(lambda sent=sent: load.sent > sent + 5, 10)
        switch_weight(file, "identity", "triton", 1.0)
        stack.app.reload()
        report = load.finish()
    before = stack.answered("local")
    for index in range(20):
        stack.model.infer(InferenceRequest({"x": unique_input(1, index)}))

    log_run(report, f"triton {stack.answered('triton')}, local {stack.answered('local')}")
    report.check_all_answered()
    check_counters(stack, report.sent + 20)
    assert stack.answered("triton") > 20
    assert stack.answered("local") == before
