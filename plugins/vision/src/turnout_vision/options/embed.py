"""Options of ``embed``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from turnout_vision.options.picture_step import PictureStepOptions


class EmbedOptions(PictureStepOptions):
    """Options of ``embed``.

    Attributes:
        pool: how features become one vector: ``cls``, the first token; ``mean``, of all tokens or places. Not needed where the
            model's output is one vector, such as ``image_embeds`` and ``pooler_output``.
        prefix_tokens: how many tokens before those of the picture ``mean`` leaves out: 1 for the CLS of ViT and DINOv2, and
            one more for each register.
        normalize: divide the vector by its length.
    """

    pool: Literal["cls", "mean"] | None = None
    prefix_tokens: int = Field(0, ge=0, le=1024)
    normalize: bool = True
