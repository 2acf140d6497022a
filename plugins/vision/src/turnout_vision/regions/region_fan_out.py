"""Fan-out over the regions of one run: regions in, one result per region out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from turnout import InferenceResponse, PipelineContext
from turnout.errors import InvalidInputError, TurnoutError
from turnout_vision.regions.region import Region, parse_regions

T = TypeVar("T")

# Of a detector step; load_image has its own limit.
MAX_DETECTED = 1000


def read_regions(context: PipelineContext) -> list[Region | None]:
    """Return the regions of this run, None where a box is wrong; errors are reported.

    ``load_image`` wrote them, or a detector step after it, in any form that ``parse_regions`` accepts.

    Raises:
        InvalidInputError: they are not a list of boxes.
    """
    value = context["regions"]
    # load_image has parsed and reported these already.
    if isinstance(value, list) and all(item is None or type(item) is Region for item in value):
        return list(value)
    height, width = context["picture"].shape[:2]
    return report_errors(context, parse_regions(value, height, width, max_regions=MAX_DETECTED))


def report_errors(context: PipelineContext, regions: Sequence[Region | InvalidInputError]) -> list[Region | None]:
    """Report each error among ``regions`` by its index; return ``regions`` with None in place of errors."""
    for index, region in enumerate(regions):
        if isinstance(region, InvalidInputError):
            context.report(region, index)
    return [region if isinstance(region, Region) else None for region in regions]


def read_responses(
    context: PipelineContext,
    regions: Sequence[Region | None],
    responses: Sequence[InferenceResponse],
    read: Callable[[Region, InferenceResponse], T],
) -> list[T | None]:
    """Return ``read(region, response)`` for each region; None for a region without a response or with an error.

    ``responses`` are those of the regions that are not None, in the same order. Errors are reported.
    """
    requested = [(index, region) for index, region in enumerate(regions) if region is not None]
    values: list[T | None] = [None] * len(regions)
    for (index, region), response in zip(requested, responses, strict=True):
        try:
            values[index] = read(region, response)
        except TurnoutError as error:
            context.report(error, index)
    return values
