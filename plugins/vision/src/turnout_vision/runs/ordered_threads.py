"""Work on items in a few threads; the results come in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from itertools import islice
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

# So many results per thread wait for one that takes longer.
_AHEAD = 4


class OrderedThreads(Generic[ItemT, ResultT]):
    """Calls ``work`` with each of ``items`` in ``count`` threads called ``name``; yields the results in the order of the items.

    Once ``work`` has raised, no other item is started. Used by one thread; ``work`` is called from several.
    """

    def __init__(self, work: Callable[[ItemT], ResultT], items: Iterable[ItemT], count: int, name: str) -> None:
        self._work = work
        self._items = iter(items)
        self._ahead = _AHEAD * count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._begun: deque[Future[ResultT]] = deque()
        self._stopping = False

    def results(self) -> Iterator[ResultT]:
        """Yield each result; raise what ``work`` raised for the item whose turn it is."""
        self._begin(self._ahead)
        while self._begun:
            result = self._begun[0].result()
            self._begun.popleft()
            self._begin(1)
            yield result

    def stop(self, *, wait: bool) -> list[ResultT]:
        """Start no more items; return the results that ``results`` has not yielded, in order.

        With ``wait``, the items that threads work on now are waited for, and the threads have ended; else they are left to
        themselves.
        """
        self._stopping = True
        self._pool.shutdown(wait=wait, cancel_futures=True)
        ended = [future for future in self._begun if future.done() and not future.cancelled() and future.exception() is None]
        self._begun.clear()
        return [future.result() for future in ended]

    def _begin(self, count: int) -> None:
        for item in islice(self._items, count):
            self._begun.append(self._pool.submit(self._do, item))

    def _do(self, item: ItemT) -> ResultT:
        if self._stopping:
            raise CancelledError
        try:
            return self._work(item)
        except BaseException:
            self._stopping = True
            raise
