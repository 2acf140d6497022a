"""The size of a frame as a text detector gets it."""

from __future__ import annotations

from turnout.errors import InvalidInputError
from turnout_vision.text_reading.text_frame import whole_multiple

# A detector of PP-OCRv4 needs about 250 bytes a pixel: 2.1 GB at this size.
MAX_PIXELS = 8_400_000


def detector_size(height: int, width: int, *, limit: str, limit_side: int) -> tuple[int, int]:
    """Return height and width of the detector's input for a frame of this size, in multiples of 32.

    ``limit`` says what ``limit_side`` is: ``min``, the shorter side at least; ``max``, the longer side at most.

    Raises:
        InvalidInputError: the frame is so narrow that its input would be too large.
    """
    reduced, enlarged = min(1.0, limit_side / max(height, width)), max(1.0, limit_side / min(height, width))
    factor = reduced if limit == "max" else enlarged
    size = whole_multiple(int(height * factor)), whole_multiple(int(width * factor))
    if size[0] * size[1] > MAX_PIXELS:
        raise InvalidInputError(
            f"a picture of {width} x {height} (width x height) would be enlarged to {size[1]} x {size[0]} for the text "
            f"detector, whose limit is {MAX_PIXELS:,} pixels; give a part of the picture, or set `limit: max`"
        )
    return size
