"""Class maps: the best class of each pixel of a picture, and the share of each class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from turnout_vision.labels.checkpoint_labels import unnamed_label
from turnout_vision.maps.axis import Axis, Floats, linear_axis
from turnout_vision.maps.class_planes import ClassPlanes
from turnout_vision.maps.class_share import ClassShare
from turnout_vision.maps.map_frame import column_places, row_places
from turnout_vision.pictures.array_pixels import bands
from turnout_vision.preprocess.frame import Frame

# A pixel that the model did not see: the image processor cut it off.
NO_CLASS = -1

# Small, because few classes are possible in a small part of a picture, and its values stay in a core's cache.
_TILE_ROWS, _TILE_COLUMNS = 128, 512

ClassMap = NDArray[np.int32]


def compute_class_map(planes: ClassPlanes, frame: Frame, height: int, width: int) -> ClassMap:
    """Return the class of each pixel, INT32 [height, width]: the best of ``planes`` after linear interpolation; -1 is none.

    The picture is resampled in tiles, so beside the result and ``planes`` it needs the memory of a few tiles, whatever the
    number of classes.
    """
    _, high, wide = planes.shape
    down, across = row_places(frame, height, high), column_places(frame, width, wide)
    rows, columns = linear_axis(down.positions, high), linear_axis(across.positions, wide)
    result = np.empty((height, width), np.int32)
    for band in _parts(height, _TILE_ROWS):
        sources = rows.part(band).sources()
        scores, part = planes.rows(sources), rows.part(band).within(sources)
        for columns_of_tile in _parts(width, _TILE_COLUMNS):
            result[band, columns_of_tile] = _best_classes(scores, part, columns.part(columns_of_tile))
    result[~down.seen] = NO_CLASS
    result[:, ~across.seen] = NO_CLASS
    return result


def class_shares(class_map: ClassMap, labels: Sequence[str]) -> list[ClassShare]:
    """Return the classes of ``class_map``, the largest first; one without a name in ``labels`` is called ``LABEL_3``."""
    counts = np.zeros(0, np.int64)
    # In bands, because bincount makes an INT64 copy.
    for band in bands(*class_map.shape):
        found = np.bincount(class_map[band].ravel() + 1)
        counts = np.pad(counts, (0, max(0, len(found) - len(counts))))
        counts[: len(found)] += found
    order = [index for index in np.argsort(-counts[1:], kind="stable").tolist() if counts[index + 1]]
    return [ClassShare(index, _name(index, labels), float(counts[index + 1] / class_map.size)) for index in order]


def _name(index: int, labels: Sequence[str]) -> str:
    return labels[index] if index < len(labels) else unnamed_label(index)


def _parts(length: int, size: int) -> Iterator[slice]:
    for start in range(0, length, size):
        yield slice(start, min(length, start + size))


def _best_classes(scores: Floats, rows: Axis, columns: Axis) -> ClassMap:
    """Return the best classes of a tile of the picture; ``scores`` are [classes, h, w]."""
    sources = columns.sources()
    scores, columns = scores[:, :, sources], columns.within(sources)
    first, *others = _possible_classes(scores)
    best = rows.rows_of(columns.columns_of(scores[first]))
    result = np.full(best.shape, first, np.int32)
    for index in others:
        values = rows.rows_of(columns.columns_of(scores[index]))
        # Of equal scores the first class wins, as in argmax.
        np.copyto(result, index, where=values > best)
        np.maximum(best, values, out=best)
    return result


def _possible_classes(scores: Floats) -> list[int]:
    """Return the classes of ``scores`` [classes, rows, w] that are the best somewhere after interpolation, and perhaps others.

    An interpolated score is between the least and the greatest of the sources around it, so a class whose greatest is below the
    least of another class cannot be the best there.
    """
    least, greatest = scores.min(axis=1), scores.max(axis=1)
    if least.shape[1] > 1:
        least = np.minimum(least[:, :-1], least[:, 1:])
        greatest = np.maximum(greatest[:, :-1], greatest[:, 1:])
    found: list[int] = np.flatnonzero((greatest >= least.max(axis=0)).any(axis=1)).tolist()
    return found
