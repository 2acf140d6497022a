"""Making the steps, each by one function that imports what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout import PipelineStep, StepDeclaration
    from turnout_vision.options import AnswerOptions, CaptionOptions, LoadImageOptions, SegmentRegionsOptions


def make_load_image(declaration: StepDeclaration, options: LoadImageOptions) -> PipelineStep:
    """Return the step that reads a picture with its regions."""
    from turnout_vision.steps.load_image import LoadImage

    return LoadImage(options)


def make_segment_regions(declaration: StepDeclaration, options: SegmentRegionsOptions) -> PipelineStep:
    """Return the step that makes one mask per region.

    Raises:
        ConfigurationError: the named processor cannot be found.
    """
    from turnout_vision.steps.segment_regions import SegmentRegions

    return SegmentRegions(declaration, options)


def make_caption(declaration: StepDeclaration, options: CaptionOptions) -> PipelineStep:
    """Return the step that captions regions or the picture. Raises as ``make_segment_regions``."""
    from turnout_vision.steps.caption import Caption

    return Caption(declaration, options)


def make_answer(declaration: StepDeclaration, options: AnswerOptions) -> PipelineStep:
    """Return the step that answers a question on regions or on the picture. Raises as ``make_segment_regions``."""
    from turnout_vision.steps.answer import Answer

    return Answer(declaration, options)
