"""Factories of the steps; each imports its step when it is called, so that loading the plugin imports no Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnout.lazy_names import import_lazily

if TYPE_CHECKING:
    from turnout import PipelineStep, StepDeclaration
    from turnout_vision.options.load_image import LoadImageOptions


@dataclass(frozen=True, slots=True)
class StepFactory:
    """Creates the step ``name`` of ``turnout_vision.steps.<module>``. Raises as the ``__init__`` of that class."""

    module: str
    name: str

    def __call__(self, declaration: StepDeclaration, options: Any) -> PipelineStep:
        step: PipelineStep = import_lazily(f"turnout_vision.steps.{self.module}", self.name)(declaration, options)
        return step


def create_load_image(declaration: StepDeclaration, options: LoadImageOptions) -> PipelineStep:
    """Return the step that reads a picture and its regions; it has no model."""
    from turnout_vision.steps.load_image import LoadImage

    return LoadImage(options)


create_detect = StepFactory("detect", "Detect")
create_segment_regions = StepFactory("segment_regions", "SegmentRegions")
create_caption = StepFactory("caption", "Caption")
create_answer = StepFactory("answer", "AnswerQuestion")
create_find_text = StepFactory("find_text", "FindText")
create_turn_text = StepFactory("turn_text", "TurnText")
create_read_text = StepFactory("read_text", "ReadText")
create_classify = StepFactory("classify", "Classify")
create_segment = StepFactory("segment", "Segment")
create_estimate_depth = StepFactory("estimate_depth", "EstimateDepth")
create_embed = StepFactory("embed", "Embed")
create_match_text = StepFactory("match_text", "MatchText")
