"""How a step prepares pictures for a model that has no checkpoint."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from turnout import Options
from turnout_vision.options.sides import Side

Resample = Literal["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
Number = Annotated[float, Field(allow_inf_nan=False)]
Divisor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Byte = Annotated[int, Field(ge=0, le=255)]

_RESIZINGS = ("size", "shortest_edge", "longest_edge", "letterbox")


class PrepareOptions(Options):
    """From a picture to a model's input, in this order: resize, crop, pad, scale, normalize, order of the channels, layout.

    Attributes:
        size: resizes to this height and width; the aspect ratio changes.
        shortest_edge: resizes the shorter side to this, the other in proportion; with ``longest_edge``, to less where the
            longer side would exceed it.
        longest_edge: resizes the longer side to this, the other in proportion.
        letterbox: resizes in proportion to the largest size inside this height and width, and fills the rest.
        multiple_of: rounds each side after ``shortest_edge`` or ``longest_edge`` to the nearest multiple of this.
        resample: the filter, by Pillow's name.
        crop: cuts this height and width out of the middle; a smaller picture is filled with black.
        pad: fills up to this height and width, on the right and at the bottom.
        pad_color: red, green and blue of what ``letterbox`` and ``pad`` fill.
        align: where ``letterbox`` puts the picture.
        scale: the factor of the bytes 0..255.
        mean: subtracted after ``scale``, one per channel in the model's order.
        std: divides after ``mean``, one per channel in the model's order.
        order: the order of the channels.
        layout: ``NCHW`` for [1, 3, height, width], ``NHWC`` for [1, height, width, 3].
    """

    size: tuple[Side, Side] | None = None
    shortest_edge: Side | None = None
    longest_edge: Side | None = None
    letterbox: tuple[Side, Side] | None = None
    multiple_of: Annotated[int, Field(ge=1, le=1024)] = 1
    resample: Resample = "bilinear"
    crop: tuple[Side, Side] | None = None
    pad: tuple[Side, Side] | None = None
    pad_color: tuple[Byte, Byte, Byte] | None = None
    align: Literal["center", "top_left"] = "center"
    scale: Divisor = 1 / 255
    mean: tuple[Number, Number, Number] = (0.0, 0.0, 0.0)
    std: tuple[Divisor, Divisor, Divisor] = (1.0, 1.0, 1.0)
    order: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"

    @model_validator(mode="after")
    def _check_resizing(self) -> Self:
        given = [name for name in _RESIZINGS if getattr(self, name) is not None]
        if len(given) > 1 and given != ["shortest_edge", "longest_edge"]:
            raise ValueError(f"{' and '.join(given)} contradict each other; choose one way to resize")
        if self.multiple_of > 1 and not {"shortest_edge", "longest_edge"} & set(given):
            raise ValueError("multiple_of rounds the sides of shortest_edge or longest_edge; write one of them")
        if self.pad_color is not None and self.letterbox is None and self.pad is None:
            raise ValueError("pad_color is the color of letterbox or pad; write one of them")
        if self.align != "center" and self.letterbox is None:
            raise ValueError("align places the picture of a letterbox; write letterbox")
        return self
