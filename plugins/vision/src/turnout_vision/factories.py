"""Factories of the steps; each imports its step when it is called, so that loading the plugin imports no Pillow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout import PipelineStep, StepDeclaration
    from turnout_vision.options.detect import DetectOptions
    from turnout_vision.options.embed import EmbedOptions
    from turnout_vision.options.labels import ClassifyOptions
    from turnout_vision.options.load_image import LoadImageOptions
    from turnout_vision.options.maps import EstimateDepthOptions, SegmentOptions
    from turnout_vision.options.match_text import MatchTextOptions
    from turnout_vision.options.segment_regions import SegmentRegionsOptions
    from turnout_vision.options.text_reading import FindTextOptions, ReadTextOptions, TurnTextOptions
    from turnout_vision.options.texts import AnswerOptions, CaptionOptions


def create_load_image(declaration: StepDeclaration, options: LoadImageOptions) -> PipelineStep:
    """Return the step that reads a picture and its regions."""
    from turnout_vision.steps.load_image import LoadImage

    return LoadImage(options)


def create_detect(declaration: StepDeclaration, options: DetectOptions) -> PipelineStep:
    """Return the step that finds boxes.

    Raises:
        ConfigurationError: as ``create_segment_regions``, or a class is not one of the model's.
    """
    from turnout_vision.steps.detect import Detect

    return Detect(declaration, options)


def create_segment_regions(declaration: StepDeclaration, options: SegmentRegionsOptions) -> PipelineStep:
    """Return the step that computes one mask per region.

    Raises:
        ConfigurationError: the checkpoint or processor cannot be found.
        UnknownNameError: there is no such model.
    """
    from turnout_vision.steps.segment_regions import SegmentRegions

    return SegmentRegions(declaration, options)


def create_caption(declaration: StepDeclaration, options: CaptionOptions) -> PipelineStep:
    """Return the step that captions regions or the picture. Raises as ``create_segment_regions``."""
    from turnout_vision.steps.caption import Caption

    return Caption(declaration, options)


def create_answer(declaration: StepDeclaration, options: AnswerOptions) -> PipelineStep:
    """Return the step that answers a question about regions or the picture. Raises as ``create_segment_regions``."""
    from turnout_vision.steps.answer import AnswerQuestion

    return AnswerQuestion(declaration, options)


def create_find_text(declaration: StepDeclaration, options: FindTextOptions) -> PipelineStep:
    """Return the step that finds lines of text.

    Raises:
        MissingDependencyError: the packages of the extra ``text`` are not installed.
    """
    from turnout_vision.steps.find_text import FindText

    return FindText(declaration, options)


def create_turn_text(declaration: StepDeclaration, options: TurnTextOptions) -> PipelineStep:
    """Return the step that turns lines which are upside down. Raises as ``create_find_text``."""
    from turnout_vision.steps.turn_text import TurnText

    return TurnText(declaration, options)


def create_read_text(declaration: StepDeclaration, options: ReadTextOptions) -> PipelineStep:
    """Return the step that reads lines of text. Raises as ``create_find_text``, and as ``find_characters``."""
    from turnout_vision.steps.read_text import ReadText

    return ReadText(declaration, options)


def create_classify(declaration: StepDeclaration, options: ClassifyOptions) -> PipelineStep:
    """Return the step that labels the picture or regions. Raises as ``create_segment_regions``."""
    from turnout_vision.steps.classify import Classify

    return Classify(declaration, options)


def create_segment(declaration: StepDeclaration, options: SegmentOptions) -> PipelineStep:
    """Return the step that finds the class of each pixel. Raises as ``create_segment_regions``."""
    from turnout_vision.steps.segment import Segment

    return Segment(declaration, options)


def create_estimate_depth(declaration: StepDeclaration, options: EstimateDepthOptions) -> PipelineStep:
    """Return the step that finds the depth of each pixel. Raises as ``create_segment_regions``."""
    from turnout_vision.steps.estimate_depth import EstimateDepth

    return EstimateDepth(declaration, options)


def create_embed(declaration: StepDeclaration, options: EmbedOptions) -> PipelineStep:
    """Return the step that computes one vector of the picture or of each region. Raises as ``create_segment_regions``."""
    from turnout_vision.steps.embed import Embed

    return Embed(declaration, options)


def create_match_text(declaration: StepDeclaration, options: MatchTextOptions) -> PipelineStep:
    """Return the step that compares texts with the vectors of ``embed``. Raises as ``create_segment_regions``."""
    from turnout_vision.steps.match_text import MatchText

    return MatchText(declaration, options)
