"""The thread in which a forked child calls torch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, TypeVar

from turnout.forking import Forks

T = TypeVar("T")


class _ForkedThread:
    """The threads that may have survived the fork, in a child of a process that had imported torch.

    OpenMP keeps a team of threads for each thread that ran an operator. The team of the thread that forked does not exist in
    the child, and its next operator would wait for it forever (torch 2.13). A new thread gets a team of its own.
    """

    idents: ClassVar[frozenset[int | None]] = frozenset()
    helper: ClassVar[ThreadPoolExecutor | None] = None
    lock: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def renew(cls) -> None:
        """Record the thread that forked: this one, or the main one if the fork is noticed late, in a thread of the child."""
        cls.helper, cls.lock = None, threading.Lock()
        if "torch" in sys.modules:
            cls.idents = frozenset((threading.get_ident(), threading.main_thread().ident))


Forks.renew(_ForkedThread)


def call_torch(work: Callable[[], T]) -> T:
    """Return ``work()``, called in a thread that can run operators of torch: this one, or a new one in a forked child."""
    if threading.get_ident() not in _ForkedThread.idents:
        return work()
    with _ForkedThread.lock:
        if _ForkedThread.helper is None:
            _ForkedThread.helper = ThreadPoolExecutor(2, thread_name_prefix="turnout-torch")
        helper = _ForkedThread.helper
    return helper.submit(work).result()
