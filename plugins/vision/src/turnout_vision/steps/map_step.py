"""The base of the steps that send a model the picture and write a map of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from turnout import InferenceRequest, InferenceResponse, PipelineContext, StepDeclaration
from turnout.errors import TurnoutError
from turnout_vision.checkpoints.checkpoint import find_checkpoint
from turnout_vision.checkpoints.processor import find_image_preprocessor
from turnout_vision.options.maps import MapStepOptions
from turnout_vision.preprocess import ImagePreprocessor
from turnout_vision.preprocess.frame import Frame
from turnout_vision.regions.prepared_crops import prepare_crop
from turnout_vision.regions.region import whole_picture
from turnout_vision.steps.model_step import ModelStep, RefusedInput, picture_advice


class MapStep(ModelStep):
    """Sends ``pixel_values`` FP32 [1, 3, height, width] of the picture, and writes what it reads from the response.

    What ``provides`` names is None if the response failed, which is reported.
    """

    needs = ("picture",)

    def __init__(self, declaration: StepDeclaration, options: MapStepOptions) -> None:
        self.model = options.model
        self._map_options = options
        self._declaration = declaration
        self.checkpoint = find_checkpoint(declaration, options.model, options.processor)
        if self.checkpoint is None:
            # An error of turnout.yaml is found before the first run; a checkpoint on the hub waits for that.
            _ = self.preprocessor

    def read(self, response: InferenceResponse, frame: Frame, height: int, width: int) -> Mapping[str, Any]:
        """Return the values of a response for a picture of ``height`` and ``width``, which is at ``frame`` in the request.

        Raises:
            TurnoutError: the response failed, or is not what the step expects.
        """
        raise NotImplementedError

    @cached_property
    def preprocessor(self) -> ImagePreprocessor:
        """The image preprocessor of the option ``prepare`` or of the checkpoint; may block on the hub."""
        options = self._map_options
        return find_image_preprocessor(self.checkpoint, options.prepare, self._declaration, options.model)

    @cached_property
    def model_type(self) -> str | None:
        """``model_type`` of the checkpoint; may block on the hub."""
        config = (self.checkpoint.json("config.json") or {}) if self.checkpoint else {}
        found = config.get("model_type")
        return found if isinstance(found, str) else None

    def constants(self) -> Mapping[str, Any]:
        """Return the inputs of the model beside the picture."""
        return {}

    def advise(self, refused: RefusedInput) -> str | None:
        return picture_advice(refused, self._map_options.input, self._map_options.prepare)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        height, width = context["picture"].shape[:2]
        # Before the model works: a picture that is turned has no map of its own.
        context.state = self.preprocessor.frame(height, width)
        pixel_values = prepare_crop(context, whole_picture(height, width), self.preprocessor)
        return [InferenceRequest({self._map_options.input: pixel_values, **self.constants()})]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        values: Mapping[str, Any] = dict.fromkeys(self.provides)
        try:
            values = self.read(responses[0], context.state, *context["picture"].shape[:2])
        except TurnoutError as error:
            # Without an index: the whole step failed, not a region.
            context.report(error)
        for name, value in values.items():
            context[name] = value
