"""Modules that can be exported, and modules that cannot."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Segmenter(nn.Module):
    """Returns a list of maps, the last one in full size, like BiRefNet."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.side = nn.Conv2d(8, 1, 1)
        self.last = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        hidden = torch.relu(self.down(x))
        full = nn.functional.interpolate(hidden, size=x.shape[-2:], mode="bilinear")
        return [self.side(hidden), self.last(full)]


class DecidesByValues(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x + 1
        return x


class FixesTheBatch(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, 3 * 32 * 32)[:2] if x.shape[0] == 2 else x.flatten(1)


class HasNoOperator(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.eigvals(x[:, 0]).real


class AloneIsDifferent(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) if x.shape[0] > 1 else x.mean((2, 3)) * 2


class ReturnsText(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        return {"logits": "text"}


class RightForSquares(torch.nn.Module):
    """Does something else where height and width differ."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.shape[2] == x.shape[3] else x * 2


class DecidesBySizes(nn.Module):
    """Raises for images of other sizes, like most vision models of transformers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 8 or x.shape[-2] % 8:
            raise ValueError("sizes must be multiples of 8")
        half = int(x.shape[-1] // 2)
        return x[..., :half]


class _Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x * 2


class UsesPython(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Double.apply(x)


class UsesLibrary(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.turnout_test.double(x)


class NamesDevices(nn.Module):
    """Creates tensors on the device of its input."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        columns = torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)
        return x + columns, torch.zeros((x.shape[0], 2), device=x.device)
