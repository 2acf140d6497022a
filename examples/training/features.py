"""The trained vision encoder's output for the pool's pictures, computed once and held in memory."""

from __future__ import annotations

import numpy as np
import torch
from examples.training import crops
from numpy.typing import NDArray
from torch import nn


@torch.no_grad()
def embed(vision: nn.Module, pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Return ``last_hidden_state`` of every picture as FP16 [N, 145, hidden]."""
    parts = [vision(torch.from_numpy(crops.normalize(part))).last_hidden_state.half() for part in _split(pictures)]
    return torch.cat(parts)


def _split(pictures: NDArray[np.uint8], size: int = 64) -> list[NDArray[np.uint8]]:
    return [pictures[i : i + size] for i in range(0, len(pictures), size)]
