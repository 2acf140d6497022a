"""The base of the steps that write text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from turnout import InferenceRequest, InferenceResponse, PipelineContext, StepDeclaration
from turnout.errors import TurnoutError
from turnout_vision.checkpoints.checkpoint import find_checkpoint, require_checkpoint
from turnout_vision.checkpoints.processor import read_text_codec
from turnout_vision.options.texts import TextStepOptions
from turnout_vision.regions.region import Region, whole_picture
from turnout_vision.regions.region_fan_out import read_regions, read_responses
from turnout_vision.steps.model_step import ModelStep, RefusedInput, picture_advice, prompt_advice
from turnout_vision.steps.text_inputs import Prompt, TextInputs, read_text_inputs
from turnout_vision.texts.tokens import TextCodec


@dataclass(frozen=True, slots=True)
class _Preparation:
    """The state of one run between ``preprocess`` and ``postprocess``: the regions and the prompt."""

    regions: Sequence[Region | None]
    prompt: Prompt


class TextStep(ModelStep):
    """Sends requests to a model that generates text: one per region, or one for the picture.

    A request is ``pixel_values`` FP32 [1, 3, height, width], ``input_ids`` INT64 [1, length] and ``attention_mask`` INT64
    [1, length]; a response has ``generated_ids`` INT64 [1, max_length]. A region that failed is reported, its text is None.

    InstructBLIP takes ``qformer_input_ids`` and ``qformer_attention_mask`` INT64 [1, length] too; Pix2Struct takes
    ``flattened_patches`` FP32 [1, patches, 2 + patch] and ``attention_mask`` FP32 [1, patches] instead.
    """

    def __init__(self, declaration: StepDeclaration, options: TextStepOptions, *, one: str, many: str) -> None:
        self.model = options.model
        self.needs = ("picture", "regions") if options.on == "regions" else ("picture",)
        self._into = options.into or (many if options.on == "regions" else one)
        self.provides = (self._into,)
        self._text_options = options
        checkpoint = find_checkpoint(declaration, options.model, options.processor)
        self._checkpoint = require_checkpoint(checkpoint, declaration, options.model)

    def prompt(self, context: PipelineContext) -> str:
        """Return the text of the request."""
        raise NotImplementedError

    def text(self, response: InferenceResponse, prompt: Sequence[int]) -> str:
        """Return the text of ``response``; ``prompt`` are the ids that were sent, without padding."""
        raise NotImplementedError

    # At first use, because a checkpoint on the hub may have to be downloaded.
    @cached_property
    def codec(self) -> TextCodec:
        """The text codec of the model's checkpoint."""
        return read_text_codec(self._checkpoint)

    def advise(self, refused: RefusedInput) -> str | None:
        # The names of the inputs are no options.
        if refused.known is not None:
            return None
        return picture_advice(refused, "pixel_values", self._text_options.prepare) or prompt_advice(refused)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        options = self._text_options
        height, width = context["picture"].shape[:2]
        regions = read_regions(context) if self._per_region else [whole_picture(height, width)]
        prompt = self._inputs.read_prompt(self.prompt(context))
        context.state = _Preparation(regions, prompt)
        wide = [region.with_margin(options.margin, height, width) for region in regions if region]
        return [InferenceRequest(self._inputs.tensors(context, region, prompt)) for region in wide]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        state: _Preparation = context.state
        if self._per_region:
            context[self._into] = read_responses(
                context, state.regions, responses, lambda _, response: self.text(response, state.prompt.ids)
            )
            return
        try:
            context[self._into] = self.text(responses[0], state.prompt.ids)
        except TurnoutError as error:
            # Without an index: the whole step failed, not a region.
            context.report(error)
            context[self._into] = None

    @property
    def _per_region(self) -> bool:
        return self._text_options.on == "regions"

    @cached_property
    def _inputs(self) -> TextInputs:
        return read_text_inputs(self._checkpoint, self.codec, self._text_options)
