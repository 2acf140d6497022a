"""The step ``segment_regions``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

from turnout import InferenceRequest, InferenceResponse, PipelineContext, StepDeclaration
from turnout.errors import ConfigurationError
from turnout_vision.checkpoints.checkpoint import find_checkpoint
from turnout_vision.checkpoints.processor import read_segmenter_preprocessor
from turnout_vision.options.segment_regions import SegmentRegionsOptions
from turnout_vision.preprocess import ImagePreprocessor
from turnout_vision.regions.masks import paste_mask
from turnout_vision.regions.prepared_crops import prepare_crop
from turnout_vision.regions.region import Region
from turnout_vision.regions.region_fan_out import read_regions, read_responses
from turnout_vision.steps.model_output import read_output
from turnout_vision.steps.model_step import ModelStep, RefusedInput, name_advice


class SegmentRegions(ModelStep):
    """Sends a segmenter each region with a margin around it, and pastes the response into the picture.

    A request is ``pixel_values`` FP32 [1, 3, height, width]; a response has one map of logits, or of probabilities, FP32
    [1, 1, h, w]. The step writes ``masks``, a list as long as ``regions``: BOOL [height, width] of the whole picture, or None
    where a region failed, which is reported. A mask may extend into the margin.
    """

    needs = ("picture", "regions")
    provides = ("masks",)

    def __init__(self, declaration: StepDeclaration, options: SegmentRegionsOptions) -> None:
        self.model = options.model
        self._options = options
        # A mask is made of logits: this probability has the logit ``threshold``.
        as_logits = options.values == "logits"
        self._threshold = options.threshold if as_logits else 1 / (1 + math.exp(-options.threshold))
        self._checkpoint = find_checkpoint(declaration, options.model, options.processor)

    # At first use, because a checkpoint on the hub may have to be downloaded.
    @cached_property
    def _preprocessor(self) -> ImagePreprocessor:
        preprocessor = read_segmenter_preprocessor(self._checkpoint, self._options.prepare)
        if self._options.size is not None:
            return preprocessor.with_size(self._options.size)
        if not preprocessor.keeps_the_frame:
            raise ConfigurationError(
                f"the image processor of model {self.model!r} crops, pads or turns its pictures, and segment_regions puts the "
                "model's map back over the whole region; write `size: [H, W]` in the step to resize only"
            )
        return preprocessor

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        margin = self._options.margin
        height, width = context["picture"].shape[:2]
        regions = [region and region.with_margin(margin, height, width) for region in read_regions(context)]
        context.state = regions
        return [
            InferenceRequest({self._options.input: prepare_crop(context, region, self._preprocessor)})
            for region in regions
            if region
        ]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        height, width = context["picture"].shape[:2]

        def read(region: Region, response: InferenceResponse) -> object:
            logits = read_output(response, self._options.output, (), model=self.model, holds="the map of logits")
            return paste_mask(logits, region, height, width, threshold=self._threshold)

        context["masks"] = read_responses(context, context.state, responses, read)

    def advise(self, refused: RefusedInput) -> str | None:
        if refused.name != self._options.input or refused.known is not None:
            return name_advice(refused)
        size = refused.picture_size
        return None if size is None else f"write `size: {list(size)}` in the step"
