"""Options of the steps that write texts: ``caption`` and ``answer``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from turnout_vision.options.into import Into
from turnout_vision.options.model_step import ModelStepOptions


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
    into: Into | None = None
    output: str = "generated_ids"


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
