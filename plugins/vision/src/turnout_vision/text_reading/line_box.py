"""The box of a line of text, as a region for the next step."""

from __future__ import annotations

import math

from turnout_vision.regions.region import Region
from turnout_vision.text_reading.text_line import TextLine


def line_region(line: TextLine, height: int, width: int) -> Region:
    """Return the box around ``line`` in a picture of ``height`` and ``width``, with the text as label."""
    left, top = (math.floor(float(least)) for least in line.polygon.min(axis=0))
    right, bottom = (math.ceil(float(most)) for most in line.polygon.max(axis=0))
    # A line of a picture of a few pixels may have no width of its own.
    left, top = min(left, width - 1), min(top, height - 1)
    return Region(left, top, max(left + 1, min(right, width)), max(top + 1, min(bottom, height)), line.text, line.score)
