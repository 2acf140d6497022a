"""The steps, each made by one function that imports what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout import PipelineStep, StepDeclaration
    from turnout_vision.options import AnswerOptions, CaptionOptions, LoadImageOptions, SegmentRegionsOptions


def load_image(declaration: StepDeclaration, options: LoadImageOptions) -> PipelineStep:
    """Return the step that reads a picture with its regions."""
    from turnout_vision.steps.load_image import LoadImage

    return LoadImage(options)


def segment_regions(declaration: StepDeclaration, options: SegmentRegionsOptions) -> PipelineStep:
    """Return the step that makes one mask per region.

    Raises:
        ConfigurationError: the named processor cannot be found.
    """
    from turnout_vision.steps.segment_regions import SegmentRegions

    return SegmentRegions(declaration, options)


def caption(declaration: StepDeclaration, options: CaptionOptions) -> PipelineStep:
    """Return the step that captions regions or the picture. Raises as ``segment_regions``."""
    from turnout_vision.steps.caption import Caption

    return Caption(declaration, options)


def answer(declaration: StepDeclaration, options: AnswerOptions) -> PipelineStep:
    """Return the step that answers a question on regions or on the picture. Raises as ``segment_regions``."""
    from turnout_vision.steps.answer import Answer

    return Answer(declaration, options)
