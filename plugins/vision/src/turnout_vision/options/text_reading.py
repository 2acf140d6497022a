"""Options of the steps that find and read text: ``find_text``, ``turn_text`` and ``read_text``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from turnout import Options

Triple = tuple[float, float, float]
Probability = Annotated[float, Field(ge=0, le=1)]
ChannelOrder = Literal["BGR", "RGB"]


class TextReadingOptions(Options):
    """Options of every step that finds or reads text. The defaults are those of PP-OCR's models.

    Attributes:
        model: the name of the model under ``models:``.
        input: the name of the model's input.
        output: the name of the model's output; not needed if there is only one.
        order: the order of the color channels that the model was trained with.
    """

    model: str
    input: str = "x"
    output: str | None = None
    order: ChannelOrder = "BGR"


class FindTextOptions(TextReadingOptions):
    """Options of ``find_text``.

    Attributes:
        limit: what ``limit_side`` is: ``min``, the shorter side of the input at least; ``max``, the longer side at most.
        limit_side: a side of the input in pixels.
        largest_side: a picture with a longer side is reduced first.
        smallest_side: a picture with a shorter side is enlarged first.
        mean: of the channels, in the model's order, for values from 0 to 1.
        std: as ``mean``.
        threshold: a pixel is text if its probability is greater.
        box_threshold: the least mean probability of a region of text.
        unclip_ratio: how far a region is grown, times its area over its perimeter.
        dilate: join pixels of text that are next to each other.
        max_regions: the number of areas of text of one picture that are looked at.
    """

    limit: Literal["min", "max"] = "min"
    limit_side: int = Field(736, ge=32, le=4096)
    largest_side: int = Field(2000, ge=64, le=4096)
    smallest_side: int = Field(30, ge=1, le=32)
    mean: Triple = (0.5, 0.5, 0.5)
    std: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (0.5, 0.5, 0.5)
    threshold: Probability = 0.3
    box_threshold: Probability = 0.5
    unclip_ratio: float = Field(1.6, gt=0, le=10)
    dilate: bool = True
    max_regions: int = Field(1000, ge=1, le=10_000)


class TurnTextOptions(TextReadingOptions):
    """Options of ``turn_text``.

    Attributes:
        size: height and width of the model's input.
        threshold: a line is turned if the probability of 180 degrees is greater.
    """

    size: tuple[Annotated[int, Field(ge=8, le=512)], Annotated[int, Field(ge=8, le=4096)]] = (48, 192)
    threshold: Probability = 0.9


class ReadTextOptions(TextReadingOptions):
    """Options of ``read_text``.

    Attributes:
        characters: a text file with one character on each line, or an ONNX file with them in its metadata; by default the
            ONNX file that a backend of the model names.
        height: the height of the model's input.
        least_width: the least width of the model's input.
        group: so many lines of similar proportions get one width, so that they fit into one batch. With 1 no line is padded
            for another, and its text does not depend on the others.
        score_threshold: the least score of a line.
        into_regions: write the lines as ``regions`` too, with the text as label, for the next step.
    """

    characters: Path | None = None
    height: int = Field(48, ge=8, le=512)
    least_width: int = Field(320, ge=8, le=4096)
    group: int = Field(6, ge=1, le=1000)
    score_threshold: Probability = 0.5
    into_regions: bool = False
