"""Options that every step with a model has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from turnout import Options

Side = Annotated[int, Field(ge=1, le=16_384)]


class ModelStepOptions(Options):
    """Options of every step with a model.

    Attributes:
        model: the name of the model under ``models:``.
        processor: the folder or hub name with the preprocessor's settings and the tokenizer; by default the ``checkpoint``
            that a backend of the model names.
    """

    model: str
    processor: str | None = None
