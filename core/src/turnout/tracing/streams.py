"""Streams that run in a context of their own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def in_own_context(stream: Generator[T]) -> Iterator[T]:
    """Yield what ``stream`` yields; the span that it makes the current one is not that of the caller between two items."""
    own = copy_context()
    try:
        while True:
            try:
                item = own.run(next, stream)
            except StopIteration:
                return
            yield item
    finally:
        own.run(stream.close)
