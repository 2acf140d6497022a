"""One handle for any number of threads and event loops."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.client import rows_step
from tests.plugins.triton.client.urls import settings, url_of

import turnout
from turnout import Turnout
from turnout.plugins.discovery import Plugins
from turnout.testing.probing import Pending

THREADS = 32
CALLS = int(os.environ.get("TRITON_TEST_CALLS", "200"))


@pytest.fixture
def app(server, protocol, memory):
    with turnout.open(settings(url_of(server, protocol), "identity", **memory)) as opened:
        yield opened


def array(number: int) -> np.ndarray:
    """Return an array that no other call sends, of its own size."""
    return np.full((1 + number % 8, 1 + number % 700), number, np.float32)


def wrong_answers(model, numbers: range) -> list[int]:
    return [number for number in numbers if not np.array_equal(model.infer({"x": array(number)})["y"], array(number))]


def test_32_threads_share_a_handle_and_each_gets_its_own_answers(app) -> None:
    model, start = app.model("identity"), threading.Barrier(THREADS)

    def work(caller: int) -> list[int]:
        start.wait(30)
        return wrong_answers(model, range(caller * CALLS, (caller + 1) * CALLS))

    callers = [Pending(lambda caller=caller: work(caller)) for caller in range(THREADS)]

    assert [caller.result(30 + CALLS, f"{CALLS} calls") for caller in callers] == [[]] * THREADS
    assert wrong_answers(model, range(5)) == []


async def send_many(app: Turnout, base: int) -> bool:
    """Send 20 requests at once, and return whether each response is the right one."""
    model = app.model("identity")
    answers = await asyncio.gather(*(model.ainfer({"x": array(base + number)}) for number in range(20)))
    return all(np.array_equal(answer["y"], array(base + number)) for number, answer in enumerate(answers))


def run_loop(work: Callable[[], Any]) -> Pending[Any]:
    return Pending(lambda: asyncio.run(work()))


def test_three_event_loops_at_once_and_three_in_turn(app) -> None:
    at_once = [run_loop(lambda base=base: send_many(app, base)) for base in (0, 1000, 2000)]
    assert [loop.result(30, "an event loop") for loop in at_once] == [True] * 3

    in_turn = [run_loop(lambda base=base: send_many(app, base)).result(30, "asyncio.run") for base in (3000, 4000, 5000)]
    assert in_turn == [True] * 3


def test_a_cancelled_task_does_not_disturb_the_others(app) -> None:
    async def work() -> bool:
        cancelled = asyncio.create_task(app.model("identity").ainfer({"x": array(1)}))
        await asyncio.sleep(0)
        cancelled.cancel()
        return await send_many(app, 7)

    assert run_loop(work).result(30, "an event loop") is True


def run_pipeline(app: Turnout, base: int) -> Pending[bool]:
    async def work() -> bool:
        rows = np.arange(base, base + 48, dtype=np.float32).reshape(16, 3)
        result = await app.arun("echo", rows=rows)
        return np.array_equal(np.stack(result["echoes"]), rows)

    return run_loop(work)


def test_pipelines_run_in_three_event_loops_at_once_and_in_turn(server, protocol) -> None:
    step = EntryPoint("rows", rows_step.__name__, "turnout")
    plugins = Plugins([*entry_points(group="turnout"), step])
    source = {**settings(url_of(server, protocol), "identity"), "pipelines": {"echo": ["send_each_row"]}}

    with turnout.open(source, plugins=plugins) as app:
        at_once = [run_pipeline(app, base) for base in (0, 1000, 2000)]
        assert [loop.result(30, "an event loop") for loop in at_once] == [True] * 3
        assert [run_pipeline(app, base).result(30, "asyncio.run") for base in (3000, 4000, 5000)] == [True] * 3
