"""Connections that break in every way: no wrong answer, no hang, no foreign error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import numpy as np
import pytest
from tests.plugins.triton.chaos.load import FULL, SLACK, Load, Report, keep_busy, log_run
from tests.plugins.triton.chaos.proxy import FAULTS, Fault, Pair, nothing, proxy, resets_after
from tests.plugins.triton.chaos.stack import FALLS_BACK
from tests.plugins.triton.client.waiting import until
from tests.plugins.triton.conftest import AT_ONCE

from turnout import ModelDeclaration, ModelInference
from turnout.errors import BackendUnavailableError
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.server import LocalServer

pytestmark = pytest.mark.clock

REQUESTS, LOAD_SECONDS = (2_000, 60.0) if FULL else (200, 5.0)
DEADLINE_SECONDS = 0.5


@pytest.fixture(scope="module")
def own(small_repository) -> Iterator[LocalServer]:
    with LocalServer(small_repository, AT_ONCE) as running:
        yield running


@pytest.fixture
def server(own) -> LocalServer:
    """A server of this module's own: core 2.51 sometimes crashes when a gRPC connection ends in the middle of a response."""
    return revive(own)


def revive(server: LocalServer) -> LocalServer:
    if not server.running:
        log_run("the server crashed:", *server.log_tail[-3:])
        server.restart()
    return server


def open_over_wire(url: str) -> ModelInference:
    return open_model(ModelDeclaration("identity"), TritonOptions(url=url, shared_memory="off", timeout_seconds=2))


def behind(server, protocol: str) -> str:
    return server.grpc_url if protocol == "grpc" else server.http_url


def run_load(model: ModelInference, threads: int, timeout_seconds: float) -> Report:
    """Return the records of requests to ``model``: a number of them with a success, or as many as there is time for."""
    end = time.monotonic() + LOAD_SECONDS
    with keep_busy(Load(model, threads, 0.005, timeout_seconds)) as load:
        until(lambda: (load.sent >= REQUESTS and has_succeeded(load)) or time.monotonic() > end, 2 * LOAD_SECONDS)
        return load.finish()


def has_succeeded(load: Load) -> bool:
    return any(record.outcome == "ok" for record in list(load.ended))


def wait_until_well(server: LocalServer, model: ModelInference) -> None:
    """Wait until ``model`` returns right outputs; ``server`` may crash late, from a connection that was broken before."""
    with keep_busy(Load(model, 1, 0.01, DEADLINE_SECONDS)) as load:
        until(lambda: revive(server).running and has_succeeded(load), 30)
        load.finish().check_answers()


def open_when_well(server: LocalServer, url: str) -> ModelInference:
    """Return the model behind ``url``, once ``server`` can be reached."""
    end = time.monotonic() + 30
    while True:
        try:
            return open_over_wire(url)
        except BackendUnavailableError:
            if time.monotonic() > end:
                raise
            revive(server)


def through(server, protocol: str, fault: Fault) -> Report:
    """Return the records of requests to ``server`` through a proxy with ``fault``; afterwards requests succeed."""
    with proxy(behind(server, protocol), fault) as between:
        url = f"{protocol}://{between.address}"
        with contextlib.closing(open_over_wire(url)) as model:
            between.is_breaking.set()
            report = run_load(model, 4, DEADLINE_SECONDS)
            between.is_breaking.clear()
            wait_until_well(server, model)
        with contextlib.closing(open_when_well(server, url)) as model:
            wait_until_well(server, model)
    log_run(protocol, fault.__name__, report)
    return report


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_no_answer_is_wrong_and_every_request_ends_in_time(server, protocol, fault) -> None:
    report = through(server, protocol, fault)

    report.check_answers()
    assert report.outcomes["ok"] > 0
    # A reset behind a whole answer may meet an idle connection, which breaks nothing.
    assert report.errors or fault is resets_after, "the fault broke nothing"
    assert report.percentile(100) <= DEADLINE_SECONDS + 0.1 * SLACK


def test_the_proxy_itself_breaks_nothing(server, protocol) -> None:
    through(server, protocol, nothing).check_all_answered()


def wrong_data(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Exchange the data of every response, as a client that mixes up two callers would."""
    start = piece.find(np.float32(12345.678).tobytes())
    if not is_response or start < 0:
        return piece
    return piece[: start + 4] + np.full(3, 7, np.float32).tobytes() + piece[start + 16 :]


def test_a_wrong_answer_would_be_noticed(server, protocol) -> None:
    with proxy(behind(server, protocol), wrong_data) as between:
        between.is_breaking.set()
        with contextlib.closing(open_over_wire(f"{protocol}://{between.address}")) as model:
            report = run_load(model, 2, DEADLINE_SECONDS)

    with pytest.raises(AssertionError, match="wrong answers"):
        report.check_answers()


def any_fault(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Break each connection in its own way."""
    return FAULTS[pair.number % len(FAULTS)](pair, piece, is_response)


def test_with_a_fallback_no_broken_connection_is_noticed(server, protocol, open_stack) -> None:
    with proxy(behind(server, protocol), any_fault) as between:
        url = f"{protocol}://{between.address}"
        stack = open_stack(url, FALLS_BACK, triton={"shared_memory": "off", "timeout_seconds": 2})
        wait_until_well(server, stack.model)
        before = stack.attempts("triton")
        between.is_breaking.set()
        report = run_load(stack.model, 4, 1.0)
        stack.app.close()

    log_run(protocol, report, f"triton {stack.answered('triton') - before}, local {stack.answered('local')}")
    report.check_answers()
    # A missing response falls back, and so does one that makes no sense; only a garbled status is one of the model's.
    assert set(report.outcomes) <= {"ok", "InferenceError", "InvalidRequestError"}, report.outcomes
    assert report.outcomes["ok"] >= 0.9 * report.sent
    stack.check_counters(report.sent + before)
