"""A picture's embeddings in the place of its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def place_image(image: torch.Tensor, words: torch.Tensor, is_image: torch.Tensor) -> torch.Tensor:
    """Return ``words`` [B, L, size], and ``image`` [B, N, size] in its order where ``is_image`` BOOL [B, L] is true."""
    import torch

    part = (is_image.cumsum(dim=1) - 1).clamp(min=0, max=image.shape[1] - 1)
    placed = torch.gather(image, 1, part[:, :, None].expand(-1, -1, image.shape[2]))
    return torch.where(is_image[:, :, None], placed, words)
