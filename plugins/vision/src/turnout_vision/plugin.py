"""What turnout-vision brings: four kinds of steps with the command that runs them on picture files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from turnout import hookimpl

if TYPE_CHECKING:
    import click

    from turnout import Step


CHECKPOINT = ("checkpoint", "revision")
"""The options of a model's backends that say where its tokenizer and preprocessor are."""


@hookimpl
def turnout_steps() -> Iterable[Step[Any]]:
    """Yield ``load_image``, ``segment_regions``, ``caption`` and ``answer``."""
    from turnout import Step
    from turnout_vision import factories, options

    yield Step("load_image", factories.make_load_image, options.LoadImageOptions)
    yield Step("segment_regions", factories.make_segment_regions, options.SegmentRegionsOptions, CHECKPOINT)
    yield Step("caption", factories.make_caption, options.CaptionOptions, CHECKPOINT)
    yield Step("answer", factories.make_answer, options.AnswerOptions, CHECKPOINT)


@hookimpl
def turnout_commands() -> Iterable[click.Command]:
    """Yield ``turnout run``."""
    from turnout_vision.commands.run import run

    yield run
