"""What steps that write text have in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from turnout import InferenceRequest, InferenceResponse, PipelineContext, PipelineStep, StepDeclaration
from turnout.errors import TurnoutError
from turnout_vision.checkpoint import find_checkpoint, needed
from turnout_vision.crops import crop, read_responses, regions_of, report_bad_regions
from turnout_vision.options import TextStepOptions
from turnout_vision.preprocess import ImagePreprocessor
from turnout_vision.processor import required_image_settings, text_codec
from turnout_vision.regions import Region, whole_picture
from turnout_vision.tokens import TextCodec


class TextStep(PipelineStep):
    """Asks a model that generates text, once per region or once for the picture.

    A request is ``pixel_values`` FP32 [1, 3, height, width], ``input_ids`` INT64 [1, length] and ``attention_mask`` INT64
    [1, length]; a response has ``generated_ids`` INT64 [1, max_length]. A failed region is reported and None.
    """

    def __init__(self, declaration: StepDeclaration, options: TextStepOptions, *, one: str, many: str) -> None:
        self.model = options.model
        self.needs = ("picture", "regions") if options.on == "regions" else ("picture",)
        self._into = options.into or (many if options.on == "regions" else one)
        self.provides = (self._into,)
        self._text_options = options
        self._checkpoint = needed(find_checkpoint(declaration, options.model, options.processor), declaration, options.model)

    def prompt(self, context: PipelineContext) -> str:
        """Return the text that goes with the picture."""
        raise NotImplementedError

    def text(self, codec: TextCodec, response: InferenceResponse, prompt: str) -> str:
        """Return the text that ``response`` holds."""
        raise NotImplementedError

    @cached_property
    def codec(self) -> TextCodec:
        """The model's vocabulary, read at first use."""
        return text_codec(self._checkpoint)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        codec, picture = self.codec, context["picture"]
        if self._per_region:
            report_bad_regions(context)
        prompt = codec.inputs(codec.ids(self.prompt(context)), self._text_options.prompt_length)
        height, width = picture.shape[:2]
        shown = [region.grown(self._text_options.margin, height, width) for region in self._regions(context) if region]
        return [
            InferenceRequest({"pixel_values": self._preprocessor.pixel_values(crop(picture, region)), **prompt})
            for region in shown
        ]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        prompt = self.prompt(context) if responses else ""
        if self._per_region:
            context[self._into] = read_responses(
                context, self._regions(context), responses, lambda _, response: self.text(self.codec, response, prompt)
            )
            return
        try:
            context[self._into] = self.text(self.codec, responses[0], prompt)
        except TurnoutError as error:
            context.report(error)
            context[self._into] = None

    @property
    def _per_region(self) -> bool:
        return self._text_options.on == "regions"

    @cached_property
    def _preprocessor(self) -> ImagePreprocessor:
        return required_image_settings(self._checkpoint)

    def _regions(self, context: PipelineContext) -> list[Region | None]:
        return regions_of(context) if self._per_region else [whole_picture(*context["picture"].shape[:2])]
