"""A load of HTTP requests."""

from __future__ import annotations

import threading
import urllib.error
from collections import Counter
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Self

from tests.deploy.processes import get


class Load:
    """Callers that ask one after the other until the end of the block; ``statuses`` counts the answers.

    Attributes:
        statuses: how often each status was the answer; 0 where there was none.
    """

    def __init__(self, url: Callable[[int], str], *, callers: int = 2, pause_seconds: float = 0.02) -> None:
        """Create a load; ``url`` returns the address of the n-th request."""
        self.statuses: Counter[int] = Counter()
        self._url = url
        self._pause = pause_seconds
        self._numbers = count()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, name=f"load-{number}") for number in range(callers)]

    def _ask(self) -> None:
        while not self._ended.wait(self._pause):
            try:
                get(self._url(next(self._numbers)), 30)
                status = 200
            except urllib.error.HTTPError as error:
                status = error.code
            except OSError:
                status = 0
            self.statuses[status] += 1

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)
