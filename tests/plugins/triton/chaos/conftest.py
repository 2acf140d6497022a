"""Apps around real servers; each chaos test runs over both protocols unless it says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.plugins.triton.chaos.stack import Stack


@pytest.fixture(params=["grpc", "http"])
def protocol(request) -> str:
    return request.param


@pytest.fixture
def open_stack() -> Iterator[Callable[..., Stack]]:
    """Opens apps, which the test's end closes."""
    stacks: list[Stack] = []

    def make(*arguments: Any, **more: Any) -> Stack:
        stacks.append(Stack(*arguments, **more))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.app.close()
