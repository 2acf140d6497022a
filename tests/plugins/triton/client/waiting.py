"""Waiting with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def in_time(work: Callable[[], Result], seconds: float) -> Result:
    """Return the result of ``work``; one of three attempts must end within ``seconds``, as other work may use the machine."""
    for _ in range(3):
        start = time.monotonic()
        result = work()
        took = time.monotonic() - start
        if took < seconds:
            return result
    raise AssertionError(f"took {took:.3f} s, three times over {seconds} s")


def until(claim: Callable[[], bool], seconds: float) -> float:
    """Wait until ``claim`` holds and return the seconds that it took; AssertionError after ``seconds``."""
    start = time.monotonic()
    while not claim():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(0.002)
    return time.monotonic() - start
