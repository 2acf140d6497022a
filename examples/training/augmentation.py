"""Augmentation of the pictures and the schedule of the learning rate, for all trainings."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def brighten(rng: np.random.Generator, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the pixel values with a slightly changed contrast and brightness, one change per picture and channel."""
    shape = (len(pixels), 3, 1, 1)
    gain = rng.uniform(0.95, 1.05, shape).astype(np.float32)
    return pixels * gain + rng.uniform(-0.08, 0.08, shape).astype(np.float32)


def schedule(step: int, steps: int, warmup: int = 150) -> float:
    """Return the fraction of the highest learning rate: a linear warm-up, then half a cosine down to 1 %."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
