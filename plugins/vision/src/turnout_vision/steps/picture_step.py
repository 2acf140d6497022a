"""The base of the steps that send a model one picture, or one picture a region, and read one value of each response."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from turnout import InferenceRequest, InferenceResponse, PipelineContext, StepDeclaration
from turnout.errors import TurnoutError
from turnout_vision.checkpoints.checkpoint import find_checkpoint
from turnout_vision.checkpoints.processor import find_image_preprocessor
from turnout_vision.options.picture_step import PictureStepOptions
from turnout_vision.preprocess import ImagePreprocessor
from turnout_vision.regions.prepared_crops import prepare_crop
from turnout_vision.regions.region import whole_picture
from turnout_vision.regions.region_fan_out import read_regions, read_responses
from turnout_vision.steps.model_step import ModelStep, RefusedInput, picture_advice


class PictureStep(ModelStep):
    """Sends ``pixel_values`` FP32 [1, 3, height, width] of the picture, or of each region, and writes what it reads.

    A region that failed is reported, and its value is None; so is that of the picture.
    """

    def __init__(self, declaration: StepDeclaration, options: PictureStepOptions, *, one: str, many: str) -> None:
        self.model = options.model
        self.needs = ("picture", "regions") if options.on == "regions" else ("picture",)
        self._into = options.into or (many if options.on == "regions" else one)
        self.provides = (self._into,)
        self._picture_options = options
        self._declaration = declaration
        self.checkpoint = find_checkpoint(declaration, options.model, options.processor)
        if self.checkpoint is None:
            # An error of turnout.yaml is found before the first run; a checkpoint on the hub waits for that.
            _ = self.preprocessor

    def read(self, response: InferenceResponse) -> Any:
        """Return the value of one response.

        Raises:
            TurnoutError: the response failed, or is not what the step expects.
        """
        raise NotImplementedError

    @cached_property
    def preprocessor(self) -> ImagePreprocessor:
        """The image preprocessor of the option ``prepare`` or of the checkpoint; may block on the hub."""
        options = self._picture_options
        return find_image_preprocessor(self.checkpoint, options.prepare, self._declaration, options.model)

    def advise(self, refused: RefusedInput) -> str | None:
        return picture_advice(refused, self._picture_options.input, self._picture_options.prepare)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        options = self._picture_options
        height, width = context["picture"].shape[:2]
        regions = read_regions(context) if options.on == "regions" else [whole_picture(height, width)]
        context.state = regions
        wide = [region.with_margin(options.margin, height, width) for region in regions if region]
        return [InferenceRequest({options.input: prepare_crop(context, region, self.preprocessor)}) for region in wide]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        if self._picture_options.on == "regions":
            context[self._into] = read_responses(context, context.state, responses, lambda _, response: self.read(response))
            return
        context[self._into] = None
        try:
            context[self._into] = self.read(responses[0])
        except TurnoutError as error:
            # Without an index: the whole step failed, not a region.
            context.report(error)
