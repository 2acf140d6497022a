"""The number of threads that one operator of torch uses on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def operator_threads(count: int | None) -> Iterator[None]:
    """Set the number of threads for operators that this thread calls; None keeps torch's default.

    torch keeps this number for each calling thread (OpenMP), so models in one process may use different numbers.
    """
    if count is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
