"""A request that a backend has answered, kept to ask it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

RequestT = TypeVar("RequestT")
_KEEP_SECONDS = 60.0
_RETRY_SECONDS = 1.0


class KnownGood(Generic[RequestT]):
    """Keeps a copy of one answered request, replaced once a minute. Thread-safe without a lock: whichever write is last counts.

    Attributes:
        value: the copy; None while there is none.
        due: the time from which the next answered request is offered to ``keep``.
    """

    # A copy, because the caller may write another request's values into its arrays; once a minute, because copies cost time.
    def __init__(self, copy: Callable[[RequestT], RequestT | None]) -> None:
        self._copy = copy
        self.value: RequestT | None = None
        self.due = float("-inf")

    def keep(self, request: RequestT, now: float) -> None:
        """Keep a copy of ``request``, if ``copy`` returns one."""
        self.postpone(now)  # before the copy: other threads go on meanwhile
        self.put(self._copy(request))

    def postpone(self, now: float) -> None:
        """Offer no request to ``keep`` for a second."""
        self.due = now + _RETRY_SECONDS

    def put(self, copied: RequestT | None) -> None:
        """Keep ``copied``, which belongs to this object."""
        if copied is not None:
            self.value, self.due = copied, self.due + _KEEP_SECONDS - _RETRY_SECONDS

    def replace_next(self) -> None:
        """Offer the next answered request to ``keep``."""
        self.due = float("-inf")
