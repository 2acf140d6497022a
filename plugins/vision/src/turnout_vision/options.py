"""Options of the picture steps in turnout.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from turnout import Options

# Pillow raises DecompressionBombError above this size, whatever limit we set.
PILLOW_MAX_PIXELS = 178_956_970
# A phone's 48 megapixels are 8064 x 6048.
MAX_PIXELS = 50_000_000
WHITE = (255, 255, 255)

Byte = Annotated[int, Field(ge=0, le=255)]
Size = Annotated[int, Field(ge=1, le=16_384)]


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


class ModelStepOptions(Options):
    """Options of every step with a model.

    Attributes:
        model: the name of the model under ``models:``.
        processor: the folder or hub name with the preprocessor's settings and the tokenizer; by default the ``checkpoint``
            that a backend of the model names.
    """

    model: str
    processor: str | None = None


class SegmentRegionsOptions(ModelStepOptions):
    """Options of ``segment_regions``.

    Attributes:
        margin: added to each side of a box before it is cropped, as a fraction of the box's larger side.
        threshold: the least probability of a pixel in the mask.
        size: height and width of ``pixel_values``; by default those of the checkpoint.
        input: the name of the model's input.
        output: the name of the model's output; not needed if there is only one.
    """

    margin: float = Field(0.1, ge=0, le=10)
    threshold: float = Field(0.5, gt=0, lt=1)
    size: tuple[Size, Size] | None = None
    input: str = "pixel_values"
    output: str | None = None


class TextStepOptions(ModelStepOptions):
    """Options of every step that writes text.

    Attributes:
        on: send one request per region, or one for the whole picture.
        margin: added to each side of a box before it is cropped, as a fraction of the box's larger side.
        prompt_length: pad the prompt to this many tokens, because servers batch only requests of one shape.
        into: the name to write to, for a second step of this kind in one pipeline.
        output: the name of the model's output.
    """

    on: Literal["regions", "picture"] = "regions"
    margin: float = Field(0.0, ge=0, le=10)
    prompt_length: int | None = Field(None, ge=1, le=8192)
    into: str | None = Field(None, min_length=1)
    output: str = "generated_ids"

    @field_validator("into")
    @classmethod
    def _check_into(cls, into: str | None) -> str | None:
        if into in ("image", "picture", "regions", "question"):
            raise ValueError(f"{into!r} is the name of an input of this step; choose another")
        return into


class CaptionOptions(TextStepOptions):
    """Options of ``caption``.

    Attributes:
        prompt: the beginning of every caption.
    """

    prompt: str = ""


class AnswerOptions(TextStepOptions):
    """Options of ``answer``.

    Attributes:
        question: the default question; without it the caller must give one.
        template: the text around the question, for models that were trained with one, such as
            ``"Question: {question} Answer:"``.
    """

    question: str | None = Field(None, min_length=1)
    template: str = "{question}"

    @field_validator("template")
    @classmethod
    def _check_template(cls, template: str) -> str:
        if template.count("{question}") != 1:
            raise ValueError("template must contain {question} exactly once")
        return template
