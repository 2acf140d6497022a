"""The parts of a picture that a model is asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceResponse, PipelineContext
from turnout.errors import InvalidInputError, TurnoutError
from turnout_vision.regions import Region, parse_regions

T = TypeVar("T")

MOST_DETECTED = 1000


def regions_of(context: PipelineContext) -> list[Region | None]:
    """Return the regions of this run, None where one is of no use.

    They are what ``load_image`` wrote, or what a detector step wrote after it: boxes in any form that ``load_image`` takes.

    Raises:
        InvalidInputError: they are no list of boxes.
    """
    return [region if isinstance(region, Region) else None for region in _checked(context)]


def report_bad_regions(context: PipelineContext) -> None:
    """Report each region of a detector step that is none; ``load_image`` reports its own."""
    for index, region in enumerate(_checked(context)):
        if isinstance(region, InvalidInputError):
            context.report(region, index)


def _checked(context: PipelineContext) -> list[Region | InvalidInputError | None]:
    value = context["regions"]
    if isinstance(value, list) and all(item is None or type(item) is Region for item in value):
        return list(value)
    height, width = context["picture"].shape[:2]
    return list(parse_regions(value, height, width, most=MOST_DETECTED))


def crop(picture: NDArray[np.uint8], region: Region) -> NDArray[np.uint8]:
    """Return the part of ``picture`` [height, width, 3] inside ``region``, without a copy."""
    return picture[region.top : region.bottom, region.left : region.right]


def read_responses(
    context: PipelineContext,
    regions: Sequence[Any],
    responses: Sequence[InferenceResponse],
    read: Callable[[Any, InferenceResponse], T],
) -> list[T | None]:
    """Return what ``read`` makes of each region's response, None for regions without one; failures are reported."""
    asked = [index for index, region in enumerate(regions) if region is not None]
    values: list[T | None] = [None] * len(regions)
    for index, response in zip(asked, responses, strict=True):
        try:
            values[index] = read(regions[index], response)
        except TurnoutError as error:
            context.report(error, index)
    return values
