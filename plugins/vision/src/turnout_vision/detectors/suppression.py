"""Suppression: of boxes that overlap, the best remains (non-maximum suppression)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from turnout_vision.detectors.detections import Detections, Numbers


def keep_best(found: Detections, most: int) -> Detections:
    """Return at most ``most`` of ``found``, best first; of equal scores the first is better."""
    return found.take(np.argsort(-found.scores, kind="stable")[:most])


def suppress(found: Detections, iou_threshold: float, *, most: int, agnostic: bool = False) -> Detections:
    """Return at most ``most`` of ``found``, best first, without boxes that overlap a better one by more than ``iou_threshold``.

    Only boxes of one class suppress each other, unless ``agnostic``. Of equal scores the first is better.
    """
    ranked = keep_best(found, len(found))
    alive = np.ones(len(ranked), np.bool_)
    kept: list[int] = []
    # Greedy, best first: to end at the first ``most`` gives the same boxes as to compute all and cut.
    for index in range(len(ranked)):
        if len(kept) == most:
            break
        if not alive[index]:
            continue
        kept.append(index)
        later = ranked.boxes[index + 1 :]
        overlaps = intersection_over_union(ranked.boxes[index], later) > iou_threshold
        if not agnostic:
            overlaps &= ranked.classes[index + 1 :] == ranked.classes[index]
        alive[index + 1 :] &= ~overlaps
    return ranked.take(np.asarray(kept, np.int64))


def intersection_over_union(box: Numbers, others: Numbers) -> Numbers:
    """Return the area that ``box`` [4] shares with each of ``others`` [n, 4], as a fraction of the area that both cover.

    Without any area the fraction is 0.
    """
    shared = _areas(np.concatenate([np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])], axis=1))
    covered = _areas(box[np.newaxis]) + _areas(others) - shared
    fraction: Numbers = np.divide(shared, covered, out=np.zeros_like(shared), where=covered > 0)
    return fraction


def _areas(boxes: NDArray[np.float64]) -> Numbers:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    areas: Numbers = sides[:, 0] * sides[:, 1]
    return areas
