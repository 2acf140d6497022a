"""The scores of classes on a model's map, read in parts: from logits, or from queries that have a class and a mask each."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from turnout_vision.maps.axis import Axis, Floats


class ClassPlanes(Protocol):
    """Scores of classes, FP32 [classes, height, width]."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""

    def rows(self, rows: slice) -> Floats:
        """Return the scores of ``rows``, FP32 [classes, rows, width]."""


class LogitPlanes:
    """Logits [classes, height, width] as they are."""

    def __init__(self, logits: Floats) -> None:
        self._logits = logits

    @property
    def shape(self) -> tuple[int, int, int]:
        classes, height, width = self._logits.shape
        return classes, height, width

    def rows(self, rows: slice) -> Floats:
        return self._logits[:, rows]


class QueryPlanes:
    """The sum over queries of the probability of the class times the probability of the mask, as MaskFormer's paper has it.

    ``classes`` are logits [queries, classes + 1], the last of which is "no object"; ``masks`` are logits [queries, h, w], which
    are resized by ``resize``, an axis of rows and one of columns, before they become probabilities.
    """

    def __init__(self, classes: Floats, masks: Floats, resize: tuple[Axis, Axis] | None = None) -> None:
        self._classes = np.ascontiguousarray(_softmax(classes)[:, :-1].T)
        self._masks = masks
        self._resize = resize

    @property
    def shape(self) -> tuple[int, int, int]:
        _, height, width = self._masks.shape
        if self._resize is not None:
            height, width = len(self._resize[0]), len(self._resize[1])
        return len(self._classes), height, width

    def rows(self, rows: slice) -> Floats:
        masks = _sigmoid(self._masks_of(rows))
        queries, height, width = masks.shape
        return (self._classes @ masks.reshape(queries, -1)).reshape(-1, height, width)

    def _masks_of(self, rows: slice) -> Floats:
        if self._resize is None:
            return self._masks[:, rows]
        part, columns = self._resize[0].part(rows), self._resize[1]
        sources = part.sources()
        return part.within(sources).rows_of(columns.columns_of(self._masks[:, sources]))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _sigmoid(logits: Floats) -> Floats:
    # Small probabilities decide where no query has a mask, so tanh, which rounds them to 0, will not do.
    with np.errstate(over="ignore"):
        shares: Floats = np.float32(1) / (np.float32(1) + np.exp(-logits))
    return shares
