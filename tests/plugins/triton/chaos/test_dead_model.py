"""A model whose process died while the server reports it as ready."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import numpy as np
import pytest
from tests.plugins.triton.chaos.load import Load, keep_busy, log_run
from tests.plugins.triton.chaos.stack import FALLS_BACK
from tests.plugins.triton.client.test_reconnect import stub_of
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.client.waiting import until
from tests.plugins.triton.conftest import write_identity

from turnout import InferenceRequest
from turnout_triton.server import LocalServer, ServerOptions

X = np.ones((1, 4), np.float32)


@pytest.fixture
def alone(tmp_path) -> LocalServer:
    """A server of ``identity`` only, whose one process a test may kill."""
    write_identity(tmp_path)
    with LocalServer(tmp_path, ServerOptions(grace_seconds=0)) as server:
        yield server


def kill_stubs(server: LocalServer) -> None:
    """Kill every process that runs the model: it has one for each of its instances."""
    with contextlib.suppress(AssertionError):
        while True:
            os.kill(stub_of(server), signal.SIGKILL)


def test_the_circuit_opens_after_five_failures_and_the_fallback_answers_all(alone, protocol, open_stack) -> None:
    stack = open_stack(url_of(alone, protocol), FALLS_BACK)
    assert stack.model.infer(InferenceRequest({"x": X}))["y"].tolist() == X.tolist()

    kill_stubs(alone)
    start = time.monotonic()
    with keep_busy(Load(stack.model, threads=1, pace_seconds=0.005)) as load:
        until(lambda: load.sent >= 100, 60)
        report = load.finish()

    took = time.monotonic() - start
    log_run(protocol, report, f"{took:.1f} s, sent the server {stack.attempts('triton') - stack.answered('triton')} requests")
    report.check_all_answered()
    stack.check_counters(report.sent + 1)
    # Five of them open the circuit; then one request each second, two seconds and so on tries it.
    failures = stack.attempts("triton") - stack.answered("triton")
    assert 5 <= failures <= 5 + 1 + took / 0.8
    assert stack.refused("triton") >= 100 - failures
