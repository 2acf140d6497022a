"""What turnout.yaml may say of the steps for pictures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

# Pillow itself refuses to open more than this, whatever we allow.
MOST_PIXELS = 178_956_970

Byte = Annotated[int, Field(ge=0, le=255)]
Size = Annotated[int, Field(ge=1, le=16_384)]


class StepOptions(BaseModel):
    """What all these options have in common: nothing unknown, nothing changed later."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LoadImageOptions(StepOptions):
    """Options of ``load_image``.

    Attributes:
        max_pixels: the largest picture, as width x height, that is decoded.
        background: red, green and blue that show through transparent pixels.
        max_regions: how many regions of one picture are answered.
    """

    max_pixels: int = Field(25_000_000, ge=1, le=MOST_PIXELS)
    background: tuple[Byte, Byte, Byte] = (255, 255, 255)
    max_regions: int = Field(100, ge=1)


class ModelStepOptions(StepOptions):
    """Options of every step with a model.

    Attributes:
        model: the model that answers, by its name under ``models:``.
        processor: the folder or hub name with the preprocessor's settings and the tokenizer; by default the ``checkpoint``
            that a backend of the model names.
    """

    model: str
    processor: str | None = None


class SegmentRegionsOptions(ModelStepOptions):
    """Options of ``segment_regions``.

    Attributes:
        margin: how much more than its box a region shows the model, as a part of the box's larger side.
        threshold: the probability from which on a pixel belongs to the object.
        size: height and width of ``pixel_values``; by default what the checkpoint says.
        input: the model's input.
        output: the model's output; may be left out if there is one.
    """

    margin: float = Field(0.1, ge=0, le=10, allow_inf_nan=False)
    threshold: float = Field(0.5, gt=0, lt=1)
    size: tuple[Size, Size] | None = None
    input: str = "pixel_values"
    output: str | None = None


class TextStepOptions(ModelStepOptions):
    """Options of every step that writes text.

    Attributes:
        on: ask once per region, or once for the whole picture.
        margin: how much more than its box a region shows the model, as a part of the box's larger side.
        prompt_length: pad the prompt to this many tokens, so that servers can batch requests of one shape.
        into: the name to write to, when one pipeline has two such steps.
        output: the model's output.
    """

    on: Literal["regions", "picture"] = "regions"
    margin: float = Field(0.0, ge=0, le=10, allow_inf_nan=False)
    prompt_length: int | None = Field(None, ge=1, le=8192)
    into: str | None = Field(None, min_length=1)
    output: str = "generated_ids"

    @field_validator("into")
    @classmethod
    def _not_taken(cls, into: str | None) -> str | None:
        if into in ("image", "picture", "regions", "question"):
            raise ValueError(f"{into!r} is the name of what this step reads; choose another")
        return into


class CaptionOptions(TextStepOptions):
    """Options of ``caption``.

    Attributes:
        prompt: how every caption begins.
    """

    prompt: str = ""


class AnswerOptions(TextStepOptions):
    """Options of ``answer``.

    Attributes:
        question: what is asked when the caller asks nothing; without it the caller must.
        template: the text around the question, for models that were trained with one, such as
            ``"Question: {question} Answer:"``.
    """

    question: str | None = Field(None, min_length=1)
    template: str = "{question}"

    @field_validator("template")
    @classmethod
    def _has_place(cls, template: str) -> str:
        if template.count("{question}") != 1:
            raise ValueError("template must hold {question} once")
        return template
