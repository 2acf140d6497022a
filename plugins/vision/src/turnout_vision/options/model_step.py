"""Options that every step with a model has."""

from __future__ import annotations

from turnout import Options
from turnout_vision.options.prepare import PrepareOptions


class ModelStepOptions(Options):
    """Options of every step with a model.

    Attributes:
        model: the name of the model under ``models:``.
        processor: the folder or hub name with the preprocessor's settings and the tokenizer; by default the ``checkpoint``
            that a backend of the model names.
        prepare: how a picture becomes the model's input, for a model without a checkpoint; replaces the processor's settings.
    """

    model: str
    processor: str | None = None
    prepare: PrepareOptions | None = None
