"""Options of the steps that write labels: ``classify`` and ``match_text``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from turnout_vision.options.picture_step import PictureStepOptions

Text = Annotated[str, Field(min_length=1, max_length=1_000)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1, max_length=100_000)]


class ClassifyOptions(PictureStepOptions):
    """Options of ``classify``.

    Attributes:
        labels: the names of the model's classes in their order, as a list, or a text file with one a line; by default those of
            the checkpoint's ``id2label``.
        top_k: how many labels are written, the best first; fewer if the model has fewer.
        scores: how logits become scores: ``softmax`` where one class is right, ``sigmoid`` where any number of them is,
            ``none`` if the output has scores already; by default what the checkpoint's ``problem_type`` asks for.
        score_threshold: the least score of a label that is written.
    """

    labels: Texts | Text | None = None
    top_k: int = Field(5, ge=1, le=100_000)
    scores: Literal["softmax", "sigmoid", "none"] | None = None
    score_threshold: float | None = Field(None, allow_inf_nan=False)
