"""Counters equal the number of requests exactly, from any caller and for any outcome."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from tests.plugins.triton.chaos.load import FULL, unique_input
from tests.plugins.triton.chaos.outage import through_an_outage
from tests.plugins.triton.chaos.stack import FALLS_BACK, Stack
from tests.plugins.triton.client.urls import url_of

from turnout import InferenceRequest
from turnout.errors import TurnoutError

TASKS = 2_000 if FULL else 300
ROOT = Path(__file__).parents[4]


def test_through_threads_and_an_outage_with_fallback_and_retry(own_server, protocol, open_stack) -> None:
    server = own_server()
    stack = open_stack(url_of(server, protocol), {**FALLS_BACK, "retry": {"budget_ratio": 0.1}})

    report = through_an_outage(server, stack)

    report.check_all_answered()
    stack.check_counters(report.sent)


def test_through_cancelled_tasks(own_server, protocol, open_stack) -> None:
    server = own_server()
    stack = open_stack(url_of(server, protocol), FALLS_BACK)
    started = threading.Event()

    async def send(index: int) -> str:
        try:
            await stack.model.ainfer(InferenceRequest({"x": unique_input(1, index)}))
        except asyncio.CancelledError:
            return "cancelled"
        return "answered"

    async def run() -> Counter[str]:
        tasks = [asyncio.create_task(send(index)) for index in range(TASKS)]
        await asyncio.sleep(0.05)
        started.set()
        for task in tasks[::3]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return Counter("cancelled" if isinstance(result, BaseException) else result for result in results)

    outcomes = asyncio.run(run())
    stack.app.close()  # waits for what runs

    assert outcomes["cancelled"] > 0
    assert outcomes["answered"] + outcomes["cancelled"] == TASKS
    # The request of a cancelled caller is either withdrawn before a thread has started it, or run and counted.
    attempts = stack.attempts("triton")
    assert outcomes["answered"] <= attempts <= TASKS
    stack.check_counters(attempts)
    assert stack.fell_back() == 0


CHILDREN = """
import json, os, sys, threading
from tests.plugins.triton.chaos.load import unique_input
from tests.plugins.triton.chaos.stack import FALLS_BACK, Stack
from turnout import InferenceRequest

url, children, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
stack = Stack(url, FALLS_BACK)
for index in range(requests):
    stack.model.infer(InferenceRequest({"x": unique_input(0, index)}))
before = [stack.attempts("triton"), stack.refused("triton"), stack.fell_back(), stack.attempts("local")]
stop = threading.Event()

def keep_sending():
    while not stop.is_set():
        stack.model.infer(InferenceRequest({"x": unique_input(9, 9)}))

busy = [threading.Thread(target=keep_sending) for _ in range(4)]
for thread in busy:
    thread.start()

def child(number):
    counted = [stack.attempts("triton"), stack.refused("triton"), stack.fell_back(), stack.attempts("local")]
    right = 0
    for index in range(requests):
        x = unique_input(number, index)
        right += stack.model.infer(InferenceRequest({"x": x}))["y"].tolist() == x.tolist()
    after = [stack.attempts("triton"), stack.refused("triton"), stack.fell_back(), stack.attempts("local")]
    return [right, *(b - a for a, b in zip(counted, after))]

pipes = []
for number in range(1, children + 1):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, json.dumps(child(number)).encode())
        os._exit(0)
    os.close(writing)
    pipes.append(reading)
results = [json.loads(os.read(reading, 1000)) for reading in pipes]
for _ in pipes:
    os.wait()
stop.set()
for thread in busy:
    thread.join()
print(json.dumps({"before": before, "children": results}))
os._exit(0)
"""


def test_through_forks(server, protocol) -> None:
    """Children of a busy parent count their own: on the server, or on the fallback where gRPC does not survive a fork."""
    command = [sys.executable, "-W", "ignore", "-c", CHILDREN, url_of(server, protocol), "4", "50"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr.decode()[-2000:]
    counts = json.loads(done.stdout)
    assert counts["before"] == [50, 0, 0, 0]
    for right, attempts, refused, fell_back, local in counts["children"]:
        assert right == 50
        assert attempts + refused == 50
        assert fell_back == local == (0 if protocol == "http" else 50)


def test_retries_are_at_most_a_tenth_of_the_requests_while_no_server_listens(open_stack) -> None:
    stack = open_stack(
        "http://127.0.0.1:9",
        {"retry": {"budget_ratio": 0.1}, "circuit_breaker": {"consecutive_failures": 1_000_000, "minimum_calls": 1_000_000}},
    )

    failed = 0
    for index in range(500):
        try:
            stack.model.infer(InferenceRequest({"x": unique_input(0, index)}))
        except TurnoutError:
            failed += 1

    assert failed == 500
    assert 500 < stack.attempts("triton") <= 1.1 * 500


def test_a_request_that_the_counters_miss_is_caught(server, open_stack) -> None:
    stack: Stack = open_stack(url_of(server, "http"))
    for index in range(10):
        stack.model.infer(InferenceRequest({"x": unique_input(0, index)}))

    stack.check_counters(10)
    with pytest.raises(AssertionError):
        stack.check_counters(9)
