"""What serves a model for a while, until another takes its place."""

from __future__ import annotations

import threading
from collections import deque

from turnout.inference import ModelInference


class Generation:
    """A composed model, with the calls that are under way in it. It may be closed when ``drained`` is set.

    Whoever calls appends to ``calls``, then looks whether this generation still serves, and calls it only then; whoever
    replaces it first lets another serve, then calls ``retire``. So no call is on its way into it unseen, without a lock.

    Attributes:
        inner: the model.
        infer: its ``infer``.
        calls: one entry a call under way.
        retired: whether another serves; the end of each call then looks whether it was the last.
        drained: set when it is retired and no call is under way.
    """

    __slots__ = ("calls", "drained", "infer", "inner", "retired")

    def __init__(self, inner: ModelInference) -> None:
        self.inner = inner
        self.infer = inner.infer
        self.calls: deque[None] = deque()
        self.retired = False
        self.drained = threading.Event()

    def leave(self) -> None:
        """Take the end of a call."""
        self.calls.pop()
        if self.retired:
            self.look()

    def retire(self) -> None:
        """Take that another serves."""
        self.retired = True
        self.look()

    def look(self) -> None:
        """Set ``drained`` if no call is under way."""
        if not self.calls:
            self.drained.set()
