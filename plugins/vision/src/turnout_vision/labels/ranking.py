"""The best labels of a list of scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from turnout_vision.labels.label import Label


def best_labels(
    scores: NDArray[np.float64], names: Sequence[str], *, top_k: int | None = None, score_threshold: float | None = None
) -> list[Label]:
    """Return the labels of ``scores`` [n], best first, at most ``top_k`` and none below ``score_threshold``.

    Of equal scores the lower index is first.
    """
    order = np.argsort(-scores, kind="stable")[:top_k].tolist()
    labels = [Label(names[index], float(scores[index]), index) for index in order]
    return [label for label in labels if score_threshold is None or label.score >= score_threshold]
