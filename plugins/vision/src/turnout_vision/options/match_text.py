"""Options of ``match_text``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from turnout import Options
from turnout_vision.options.into import Into
from turnout_vision.options.labels import Text, Texts


class MatchTextOptions(Options):
    """Options of ``match_text``.

    Attributes:
        model: the name of the text model under ``models:``.
        processor: the folder or hub name with the tokenizer and the weights ``logit_scale`` and ``logit_bias``; by default the
            ``checkpoint`` that a backend of the model names.
        texts: what a picture may show, as a list, or a text file with one a line; without them the caller must give some.
        template: the sentence around each text.
        on: compare the texts with the ``embedding`` of the picture, or with ``embeddings``, one a region.
        embedding: the name that ``embed`` wrote to, where it is another.
        top_k: how many texts are written, the best first; all of them by default.
        scores: ``softmax`` where one text is right, ``sigmoid`` where any number of them is, ``none`` for the cosine; by
            default ``sigmoid`` for SigLIP, else ``softmax``.
        score_threshold: the least score of a text that is written.
        scale: the factor of the cosine; by default ``exp(logit_scale)`` of the checkpoint.
        bias: added to it; by default the checkpoint's ``logit_bias``, or 0.
        prompt_length: pad the texts to this many tokens; by default as transformers does, SigLIP's to the most that it takes,
            others to the longest one.
        attention_mask: send the model's input ``attention_mask``; by default if the tokenizer's settings name it.
        output: the name of the model's output; not needed if there is only one, or one with the usual name.
        into: the name to write to, for a second step of this kind in one pipeline.
        keep_seconds: how long the vectors of ``texts`` are used again before the model is asked for them once more.
    """

    model: str
    processor: str | None = None
    texts: Texts | Text | None = None
    template: str = Field("This is a photo of {text}.", max_length=10_000)
    on: Literal["picture", "regions"] = "picture"
    embedding: str | None = Field(None, min_length=1)
    top_k: int | None = Field(None, ge=1)
    scores: Literal["softmax", "sigmoid", "none"] | None = None
    score_threshold: float | None = Field(None, allow_inf_nan=False)
    scale: float | None = Field(None, allow_inf_nan=False)
    bias: float | None = Field(None, allow_inf_nan=False)
    prompt_length: int | None = Field(None, ge=1, le=8192)
    attention_mask: bool | None = None
    output: str | None = Field(None, min_length=1)
    into: Into | None = None
    keep_seconds: float = Field(60, ge=0, allow_inf_nan=False)

    @field_validator("template")
    @classmethod
    def _check_template(cls, template: str) -> str:
        if template.count("{text}") != 1:
            raise ValueError("template must contain {text} exactly once")
        return template
