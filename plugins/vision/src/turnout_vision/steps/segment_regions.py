"""The step that makes one mask per region."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from turnout import InferenceRequest, InferenceResponse, PipelineContext, PipelineStep, StepDeclaration
from turnout.errors import InferenceError
from turnout_vision.checkpoint import find_checkpoint
from turnout_vision.crops import crop, read_responses, regions_of, report_bad_regions
from turnout_vision.masks import mask_of
from turnout_vision.options import SegmentRegionsOptions
from turnout_vision.preprocess import ImagePreprocessor
from turnout_vision.processor import image_settings
from turnout_vision.regions import Region


class SegmentRegions(PipelineStep):
    """Asks a segmenter about each region, with a margin around it, and pastes the answer into the picture.

    A request is ``pixel_values`` FP32 [1, 3, height, width]; a response has one map of logits, FP32 [1, 1, h, w].
    Written ``masks`` are a list as long as ``regions``: BOOL [height, width] of the whole picture, or None where a region
    failed, which is reported. What a region's margin shows is part of its mask.
    """

    needs = ("picture", "regions")
    provides = ("masks",)

    def __init__(self, declaration: StepDeclaration, options: SegmentRegionsOptions) -> None:
        self.model = options.model
        self._options = options
        self._checkpoint = find_checkpoint(declaration, options.model, options.processor)

    @cached_property
    def _preprocessor(self) -> ImagePreprocessor:
        settings = image_settings(self._checkpoint)
        return settings if self._options.size is None else settings.resized_to(self._options.size)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        report_bad_regions(context)
        picture, name = context["picture"], self._options.input
        shown = [self._shown(context, region) for region in regions_of(context) if region is not None]
        return [InferenceRequest({name: self._preprocessor.pixel_values(crop(picture, region))}) for region in shown]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        height, width = context["picture"].shape[:2]
        threshold = self._options.threshold
        context["masks"] = read_responses(
            context,
            regions_of(context),
            responses,
            lambda region, response: mask_of(
                response[self._output(response)], self._shown(context, region), height, width, threshold=threshold
            ),
        )

    def _shown(self, context: PipelineContext, region: Region) -> Region:
        height, width = context["picture"].shape[:2]
        return region.grown(self._options.margin, height, width)

    def _output(self, response: InferenceResponse) -> str:
        if response.error is not None:
            raise response.error
        if self._options.output is not None:
            return self._options.output
        if len(response) != 1:
            names = ", ".join(response) or "none"
            raise InferenceError(f"model {self.model!r} has the outputs {names}; write `output:` to choose the map of logits")
        return next(iter(response))
