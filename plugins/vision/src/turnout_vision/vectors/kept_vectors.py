"""Vectors of texts that do not change from run to run."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class KeptVectors:
    """Keeps one array of vectors for some seconds, because the model that made them may be exchanged meanwhile.

    Thread-safe: ``_kept`` is replaced whole.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: tuple[float, Vectors] | None = None

    def get(self) -> Vectors | None:
        """Return the vectors, not to be written to; None if there are none, or they are too old."""
        kept = self._kept
        return kept[1] if kept is not None and time.monotonic() < kept[0] else None

    def keep(self, vectors: Vectors) -> None:
        """Keep ``vectors`` from now on."""
        self._kept = (time.monotonic() + self._seconds, vectors)
