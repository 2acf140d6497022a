"""What every training does to its pictures and to its learning rate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def brightened(rng: np.random.Generator, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the pixel values with a little change of contrast and brightness, one per picture and channel."""
    shape = (len(pixels), 3, 1, 1)
    gain = rng.uniform(0.95, 1.05, shape).astype(np.float32)
    return pixels * gain + rng.uniform(-0.08, 0.08, shape).astype(np.float32)


def schedule(step: int, steps: int, warmup: int = 150) -> float:
    """Return the share of the highest learning rate: a short rise, then half a cosine down to 1 %."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
