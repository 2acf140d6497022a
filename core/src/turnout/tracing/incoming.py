"""The trace context that a caller on another machine sends with its request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext


class Incoming:
    """The function that makes a caller's span the current one; None until an app of this process is traced."""

    below: Callable[[Mapping[str, str]], AbstractContextManager[None]] | None = None


def caller_context(headers: Mapping[str, str]) -> AbstractContextManager[None]:
    """Return the block in which requests are traced below the caller that sent W3C's ``traceparent`` and ``tracestate``.

    The names of ``headers`` are in lower case. Where nothing is traced, or the headers are wrong, the block changes nothing.
    """
    below = Incoming.below
    return nullcontext() if below is None else below(headers)
