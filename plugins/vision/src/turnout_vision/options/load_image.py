"""Options of ``load_image``, and the limits of pictures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from turnout import Options

# Pillow raises DecompressionBombError above this size, whatever limit we set.
PILLOW_MAX_PIXELS = 178_956_970
# A phone's 48 megapixels are 8064 x 6048.
MAX_PIXELS = 50_000_000
WHITE = (255, 255, 255)

Byte = Annotated[int, Field(ge=0, le=255)]


class LoadImageOptions(Options):
    """Options of ``load_image``.

    Attributes:
        max_pixels: the largest picture, as width x height, that is decoded.
        background: red, green and blue of the color behind transparent pixels.
        max_regions: the number of regions of one picture that are processed.
    """

    max_pixels: int = Field(MAX_PIXELS, ge=1, le=PILLOW_MAX_PIXELS)
    background: tuple[Byte, Byte, Byte] = WHITE
    max_regions: int = Field(100, ge=1)
