"""Attention over keys and values that the caller holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def heads(projected: torch.Tensor, count: int) -> torch.Tensor:
    """Return [B, heads, L, head size] of ``projected`` [B, L, width]."""
    return projected.unflatten(-1, (count, -1)).transpose(1, 2)


def attend(scores: torch.Tensor, values: torch.Tensor, visible: torch.Tensor | None) -> torch.Tensor:
    """Return [B, L, width]: ``values`` [B, heads, S, size] weighted by the softmax of ``scores`` [B, heads, L, S].

    ``visible`` BOOL broadcasts to the scores; None means all positions.
    """
    import torch

    if visible is not None:
        scores = torch.where(visible, scores, torch.finfo(scores.dtype).min)
    weighted = torch.softmax(scores, dim=-1) @ values
    return weighted.transpose(1, 2).flatten(2)
