"""The receiver of what a model reports besides its responses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _ignore(*_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ModelObserver:
    """Functions that a model calls when there is something to report; each is thread-safe, and by default does nothing.

    Attributes:
        version: the model version that answers from now on, empty if it has none. Call it when the version changes, not for
            each request.
        replica: the place of a server in the list of URLs, from 0 on, and whether it answers. Call it when that changes, and
            in ``observe`` for each server.
        wire_sent: the bytes of a request's message. Cheap enough for each request, as the next three are.
        wire_received: the bytes of a response's message.
        shared_memory_sent: the bytes of a request's tensors that a server reads from shared memory.
        shared_memory_received: the bytes of a response's tensors that a server wrote to shared memory.
    """

    version: Callable[[str], object] = _ignore
    replica: Callable[[int, bool], object] = _ignore
    wire_sent: Callable[[int], object] = _ignore
    wire_received: Callable[[int], object] = _ignore
    shared_memory_sent: Callable[[int], object] = _ignore
    shared_memory_received: Callable[[int], object] = _ignore
