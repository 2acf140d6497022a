"""The length of a tensor as its first size, which stays free in a graph.

Python's ``len`` returns a plain integer, so a graph of ``len(x)`` fits batches of the traced size only. RT-DETR and D-FINE of
transformers count their rows like that.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch  # noqa: TID253  this module is imported by an export only


@contextmanager
def free_lengths(module: torch.nn.Module) -> Iterator[None]:
    """Let ``len`` return ``x.shape[0]`` for tensors, in the Python files whose classes ``module`` consists of."""
    owners = {sys.modules.get(type(part).__module__) for part in module.modules()}
    changed = [owner for owner in owners if owner is not None and not _is_torch(owner.__name__) and "len" not in vars(owner)]
    for owner in changed:
        vars(owner)["len"] = _length
    try:
        yield
    finally:
        for owner in changed:
            del vars(owner)["len"]


def _is_torch(name: str) -> bool:
    return name.partition(".")[0] in ("torch", "torchvision")


def _length(value: Any) -> Any:
    return value.shape[0] if isinstance(value, torch.Tensor) and value.ndim else builtins.len(value)
