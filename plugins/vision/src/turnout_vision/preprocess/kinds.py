"""The image processors of transformers that are supported."""

from __future__ import annotations

from collections.abc import Mapping

from turnout_vision.preprocess.families import (
    classification,
    depth,
    detection,
    documents,
    patches,
    segmentation,
    standard,
    vision_language,
)
from turnout_vision.preprocess.families.kind import VALUES, Kind

KINDS: Mapping[str, Kind] = {
    **standard.KINDS,
    **classification.KINDS,
    **depth.KINDS,
    **detection.KINDS,
    **documents.KINDS,
    **patches.KINDS,
    **segmentation.KINDS,
    **vision_language.KINDS,
}

# A file that names no image processor must say everything itself, except that pictures are resized, scaled and normalized.
UNNAMED = Kind(standard.make_standard, {"do_resize": True, **VALUES})
