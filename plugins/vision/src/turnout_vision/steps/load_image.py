"""The step ``load_image``."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from turnout import PipelineContext, PipelineStep, StepInput
from turnout_vision.drawing.annotation import annotate_result
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.pictures.images import count_pixels, read_picture
from turnout_vision.regions.region import parse_regions
from turnout_vision.regions.region_fan_out import report_errors
from turnout_vision.regions.region_file import find_regions

_BOX = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
_PROPERTIES = {"box": _BOX, "label": {"type": "string"}, "score": {"type": "number"}}
_LABELED = {"type": "object", "properties": _PROPERTIES, "required": ["box"]}
_REGIONS = {
    "type": "array",
    "items": {"anyOf": [_BOX, _LABELED]},
    "description": "Each box is [left, top, right, bottom] in pixels of the upright picture.",
}
INPUT_FORMS = {
    "image": StepInput("file", "The picture: JPEG, PNG, WEBP, BMP, GIF, TIFF or AVIF.", "image/*", count_pixels=count_pixels),
    "regions": StepInput("json", "Boxes on the picture; without any, the whole picture is the only region.", schema=_REGIONS),
}


class LoadImage(PipelineStep):
    """Reads ``image`` into ``picture``, UINT8 [height, width, 3], and the boxes on it into ``regions``.

    ``image`` is any source that ``read_picture`` accepts. ``regions`` are boxes, or the path of a JSON file; if they are not
    given and ``image`` is a path, ``photo.regions.json`` next to ``photo.jpg`` is read. Without any regions, the picture is
    the only one. The step writes ``regions`` as a list of Region in the given order, with None for a wrong box, which is
    reported by its index.
    """

    inputs = ("image",)
    optional_inputs = ("regions",)
    provides = ("picture", "regions")
    input_forms = INPUT_FORMS

    def __init__(self, options: LoadImageOptions) -> None:
        self._options = options

    def example_inputs(self) -> Mapping[str, Any]:
        rows, columns = np.indices((240, 320))
        # A dark box on a gradient, so that a segmenter and a detector have an edge to find.
        picture = np.stack([rows, columns // 2, 255 - rows], axis=-1).astype(np.uint8)
        picture[80:160, 100:220] = 20
        return {"image": picture}

    def process(self, context: PipelineContext) -> None:
        options, source = self._options, context["image"]
        picture = read_picture(source, max_pixels=options.max_pixels, background=options.background)
        height, width = picture.shape[:2]
        given = find_regions(context.get("regions"), source)
        regions = parse_regions(given, height, width, max_regions=options.max_regions)
        context["picture"], context["regions"] = picture, report_errors(context, regions)

    def draw(self, result: Mapping[str, Any]) -> bytes:
        stream = io.BytesIO()
        annotate_result(result).save(stream, "PNG")
        return stream.getvalue()
