"""The step that reads a picture with its regions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from turnout import PipelineContext, PipelineStep
from turnout.errors import InvalidInputError
from turnout_vision.images import read_picture
from turnout_vision.options import LoadImageOptions
from turnout_vision.region_file import read_region_file, region_file_of
from turnout_vision.regions import Region, parse_regions


class LoadImage(PipelineStep):
    """Reads ``image`` into ``picture``, UINT8 [height, width, 3], and the boxes on it into ``regions``.

    ``image`` is whatever ``read_picture`` takes. ``regions`` may be given: boxes, or the path of a JSON file; if it is not and
    ``image`` is a path, ``photo.regions.json`` beside ``photo.jpg`` is read. Without any regions there is one: the picture.
    Written ``regions`` are a list of Region in the given order, None where a box is wrong; those are reported by index.
    """

    inputs = ("image",)
    optional_inputs = ("regions",)
    provides = ("picture", "regions")

    def __init__(self, options: LoadImageOptions) -> None:
        self._options = options

    def process(self, context: PipelineContext) -> None:
        options, source = self._options, context["image"]
        picture = read_picture(source, max_pixels=options.max_pixels, background=options.background)
        height, width = picture.shape[:2]
        given = _given_regions(context.get("regions"), source)
        regions: list[Region | None] = []
        for index, region in enumerate(parse_regions(given, height, width, most=options.max_regions)):
            if isinstance(region, InvalidInputError):
                context.report(region, index)
            regions.append(region if isinstance(region, Region) else None)
        context["picture"], context["regions"] = picture, regions


def _given_regions(regions: Any, image: Any) -> Any:
    if isinstance(regions, str | os.PathLike):
        return read_region_file(Path(os.fsdecode(regions)))
    if regions is not None:
        return regions
    if not isinstance(image, str | os.PathLike):
        return ()
    file = region_file_of(Path(os.fsdecode(image)))
    return read_region_file(file) if file.exists() else ()
