"""Adaptive average pooling of pictures of any size as two matrix products.

torch writes it to ONNX as a gather whose indices fit the traced size only, so a file with free height and width fails on other
pictures (torch 2.13).
"""

from __future__ import annotations

from typing import Any

import torch  # noqa: TID253  this module is imported by an export only
from torch.overrides import TorchFunctionMode  # noqa: TID253


class AdaptivePoolAsProduct(TorchFunctionMode):  # type: ignore[misc]  # torch is untyped here
    """While entered, replaces ``adaptive_avg_pool2d`` of tensors with free sizes, in this thread only.

    Other calls are unchanged: of tensors with fixed sizes, and those that average a whole picture.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.nn.functional.adaptive_avg_pool2d:
            given = dict(zip(("input", "output_size"), args, strict=False)) | (kwargs or {})
            counts = _counts(given["input"], given["output_size"])
            if counts != (1, 1) and not all(type(size) is int for size in given["input"].shape[-2:]):
                return adaptive_avg_pool2d(given["input"], counts)
        return function(*args, **(kwargs or {}))


def adaptive_avg_pool2d(pictures: torch.Tensor, counts: tuple[int, int]) -> torch.Tensor:
    """Return FP32 [..., rows, columns] of ``pictures`` [..., H, W], equal to torch's except for rounding."""
    down, across = (_averages(pictures, axis, count) for axis, count in zip((-2, -1), counts, strict=True))
    return down @ pictures @ across.transpose(0, 1)


def _counts(pictures: torch.Tensor, output_size: Any) -> tuple[int, int]:
    """Return the numbers of rows and columns; None keeps the size of the picture."""
    pair = output_size if isinstance(output_size, tuple | list) else (output_size, output_size)
    rows, columns = (size if count is None else count for count, size in zip(pair, pictures.shape[-2:], strict=True))
    return rows, columns


def _averages(pictures: torch.Tensor, axis: int, count: int) -> torch.Tensor:
    """Return [count, size]: row i averages the positions from i * size / count, rounded down, to the next, rounded up."""
    size = pictures.shape[axis]
    steps = torch.arange(count, device=pictures.device)[:, None] * size
    first = torch.div(steps, count, rounding_mode="floor")
    last = torch.div(steps + (size + count - 1), count, rounding_mode="floor")
    positions = torch.arange(size, device=pictures.device)
    inside = (positions >= first) & (positions < last)
    return inside.to(pictures.dtype) / (last - first)
