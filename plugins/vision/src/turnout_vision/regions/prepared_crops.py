"""The crops of one run that are prepared for models: steps whose image processors are equal share them."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from turnout import PipelineContext
from turnout_vision.preprocess import ImagePreprocessor
from turnout_vision.regions.region import Region, crop

# Of one run. A hundred crops for BLIP have 177 MB; what is beyond is prepared again.
MAX_KEPT_BYTES = 256_000_000

_Key = tuple[int, tuple[int, int, int, int], ImagePreprocessor]


class PreparedCrops:
    """The prepared crops of one run. Used by one thread at a time."""

    def __init__(self) -> None:
        self._kept: dict[_Key, tuple[NDArray[np.uint8], NDArray[np.float32]]] = {}
        self._bytes = 0

    def pixel_values(self, picture: NDArray[np.uint8], region: Region, preprocessor: ImagePreprocessor) -> NDArray[np.float32]:
        """Return FP32 [1, 3, height, width] of ``region`` in ``picture``; not to be written to. Raises as ``preprocessor``."""
        key = (id(picture), region.box, preprocessor)
        found = self._kept.get(key)
        if found is not None:
            return found[1]
        values = preprocessor.pixel_values(crop(picture, region))
        if self._bytes + values.nbytes <= MAX_KEPT_BYTES:
            # With the picture: while it exists, no other has its id.
            self._kept[key] = (picture, values)
            self._bytes += values.nbytes
        return values


def prepare_crop(context: PipelineContext, region: Region, preprocessor: ImagePreprocessor) -> NDArray[np.float32]:
    """Return the ``pixel_values`` of ``region`` in the ``picture`` of ``context``, which no step of this run prepares twice."""
    crops = cast("PreparedCrops", context.shared.setdefault(PreparedCrops, PreparedCrops()))
    return crops.pixel_values(context["picture"], region, preprocessor)
