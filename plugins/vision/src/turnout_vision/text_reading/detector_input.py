"""The size of a frame as a text detector gets it."""

from __future__ import annotations

from turnout.errors import InvalidInputError
from turnout_vision.text_reading.text_frame import TextFrame, whole_multiple

# The detector of PP-OCRv4 needs 157 bytes a pixel on ONNX Runtime: 1.3 GB at this size.
MAX_PIXELS = 8_400_000


def detector_size(frame: TextFrame, *, limit: str, limit_side: int) -> tuple[int, int]:
    """Return height and width of the detector's input for ``frame``, in multiples of 32.

    ``limit`` says what ``limit_side`` is: ``min``, the shorter side at least; ``max``, the longer side at most.

    Raises:
        InvalidInputError: the picture is so narrow that the input would be too large.
    """
    height, width = frame.pixels.shape[:2]
    reduced, enlarged = min(1.0, limit_side / max(height, width)), max(1.0, limit_side / min(height, width))
    factor = reduced if limit == "max" else enlarged
    size = whole_multiple(int(height * factor)), whole_multiple(int(width * factor))
    if size[0] * size[1] > MAX_PIXELS:
        rows, columns = frame.size
        raise InvalidInputError(
            f"a picture of {columns} x {rows} (width x height) would be enlarged to {size[1]} x {size[0]} for the text "
            f"detector, whose limit is {MAX_PIXELS:,} pixels; give a part of the picture, or set `limit: max`"
        )
    return size
