"""How many threads an operator of torch may use on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def operator_threads(count: int | None) -> Iterator[None]:
    """Let operators called in this thread use ``count`` threads; None leaves torch's own choice.

    torch keeps this number for each calling thread (OpenMP), so that models with different numbers live side by side.
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
