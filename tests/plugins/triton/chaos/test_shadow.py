"""A real server as the shadow of a model in this process: no failure of it reaches callers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.plugins.triton.chaos.load import FULL, SLACK, Load, Report, keep_busy, log_run
from tests.plugins.triton.chaos.local_plugin import LOCAL_SECONDS, Copies, Local
from tests.plugins.triton.chaos.stack import Stack
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.client.waiting import until

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.testing import Slow

pytestmark = pytest.mark.clock

REQUESTS, BLOCKS = (4_000, 4) if FULL else (400, 2)
PERCENT = 99 if FULL else 95  # four of 400 are late whenever another test uses the processor
SHADOW = {"backend": "local", "shadow": {"backend": "triton", "fraction": 1.0, "timeout_seconds": 0.5}}


class OffByAHundredth(ModelInference):
    """Returns the server's output plus 1e-2."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        answer = Copies().infer(request)
        answer["y"][:] += 1e-2
        return answer


@pytest.fixture
def server(own_server):
    return own_server()


def run_load(stack: Stack, requests: int) -> Report:
    with keep_busy(Load(stack.model, 4, 0.005)) as load:
        until(lambda: load.sent >= requests, 120)
        return load.finish()


def side_by_side(open_stack: Callable[..., Stack], url: str) -> tuple[Report, dict[str, int]]:
    """Return the records of requests with a shadow, and its verdicts; fail if the shadow slowed callers.

    Blocks with and without it take turns, so that other load affects both.
    """
    plain, shadowed = open_stack(url, {"backend": "local"}), open_stack(url, SHADOW)
    without, behind = Report(0), Report(0)
    for _ in range(BLOCKS):
        for stack, report in ((plain, without), (shadowed, behind)):
            part = run_load(stack, REQUESTS // BLOCKS)
            report.sent += part.sent
            report.ended += part.ended
    shadowed.app.close()
    verdicts = shadowed.verdicts()
    log_run("without", without, "with", behind, verdicts)
    behind.check_all_answered()
    assert sum(verdicts.values()) == behind.sent
    added = behind.percentile(PERCENT) - without.percentile(PERCENT)
    assert added <= max(0.1 * without.percentile(PERCENT), 0.001) * SLACK, f"the shadow slowed callers: {added:.4f} s more"
    return behind, verdicts


def test_a_healthy_server_matches_and_every_comparison_is_counted(server, protocol, open_stack) -> None:
    _, verdicts = side_by_side(open_stack, url_of(server, protocol))

    assert verdicts["match"] > 0
    assert (verdicts["mismatch"], verdicts["error"]) == (0, 0)


def test_a_dead_shadow_does_not_slow_callers(server, protocol, open_stack) -> None:
    server.kill()

    _, verdicts = side_by_side(open_stack, url_of(server, protocol))

    assert verdicts["error"] > 0
    assert (verdicts["match"], verdicts["mismatch"]) == (0, 0)


def test_a_shadow_that_hangs_does_not_slow_callers(server, protocol, open_stack) -> None:
    server.pause()
    try:
        _, verdicts = side_by_side(open_stack, url_of(server, protocol))
    finally:
        server.resume()

    assert verdicts["error"] > 0
    assert verdicts["dropped"] > 0
    assert (verdicts["match"], verdicts["mismatch"]) == (0, 0)


def test_a_model_that_is_off_by_a_hundredth_never_matches(server, protocol, open_stack, monkeypatch) -> None:
    monkeypatch.setattr(Local, "opens", staticmethod(lambda: Slow(LOCAL_SECONDS, OffByAHundredth())))
    stack = open_stack(url_of(server, protocol), SHADOW)

    report = run_load(stack, 100)
    stack.app.close()

    verdicts = stack.verdicts()
    assert report.outcomes == {"wrong": report.sent}  # the load knows what is right
    assert verdicts["mismatch"] > 0
    assert verdicts["mismatch"] + verdicts["dropped"] == report.sent


class Meddling(ModelInference):
    """The planted bug: a shadow in the caller's own thread."""

    def __init__(self, inner: ModelInference) -> None:
        self._inner = inner

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        Slow(0.05, Copies()).infer(request)
        return self._inner.infer(request)


def test_a_shadow_that_slows_callers_would_be_noticed(server, open_stack) -> None:
    made: list[Stack] = []

    def meddled(url: str, settings: dict[str, object]) -> Stack:
        made.append(open_stack(url, settings))
        if "shadow" in settings:
            made[-1].model = Meddling(made[-1].model)
        return made[-1]

    with pytest.raises(AssertionError, match="the shadow slowed callers"):
        side_by_side(meddled, url_of(server, "http"))
