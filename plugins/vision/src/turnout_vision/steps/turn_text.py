"""The step ``turn_text``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from turnout import InferenceRequest, InferenceResponse, PipelineContext, StepDeclaration
from turnout.errors import InferenceError, TurnoutError
from turnout_vision.options.text_reading import TurnTextOptions
from turnout_vision.steps.model_output import read_output
from turnout_vision.steps.model_step import ModelStep, RefusedInput, name_advice
from turnout_vision.text_reading.line_input import resize_line
from turnout_vision.text_reading.packages import require_text_packages
from turnout_vision.text_reading.text_pixels import channels_first, line_table
from turnout_vision.text_reading.text_region import TextRegion


class TurnText(ModelStep):
    """Turns the pixels of those ``text_regions`` that are upside down; ``polygon`` stays. Sends one request for each region.

    A request is ``x`` FP32 [1, 3, 48, 192]; a response has the probabilities of 0 and 180 degrees, FP32 [1, 2]. A region whose
    request failed is reported and stays as it is. Thread-safe: nothing changes after ``__init__``.
    """

    needs = ("text_regions",)
    provides = ("text_regions",)
    model: str

    def __init__(self, declaration: StepDeclaration, options: TurnTextOptions) -> None:
        require_text_packages(declaration)
        self.model = options.model
        self._options = options
        self._table = line_table()

    def advise(self, refused: RefusedInput) -> str | None:
        if refused.name != self._options.input or refused.known is not None:
            return name_advice(refused)
        size = refused.picture_size
        return None if size is None else f"write `size: {list(size)}` in the step"

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        height, width = self._options.size
        lines = [resize_line(region.crop, height=height, width=width) for region in context["text_regions"] or ()]
        return [
            InferenceRequest({self._options.input: channels_first(line, self._table, order=self._options.order, width=width)})
            for line in lines
        ]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        regions: list[TextRegion] | None = context["text_regions"]
        if regions is None:
            return
        turned = list(regions)
        for index, response in enumerate(responses):
            try:
                if self._is_upside_down(response):
                    crop = np.ascontiguousarray(regions[index].crop[::-1, ::-1])
                    turned[index] = replace(regions[index], crop=crop)
            except TurnoutError as error:
                context.report(error, index)
        context["text_regions"] = turned

    def _is_upside_down(self, response: InferenceResponse) -> bool:
        output = read_output(
            response, self._options.output, (), model=self.model, holds="the probabilities of 0 and 180 degrees"
        )
        if output.shape != (1, 2):
            raise InferenceError(
                f"the output of model {self.model!r} is {list(output.shape)}, not [1, 2]; give turn_text a classifier "
                "of 0 and 180 degrees, such as PP-OCR's"
            )
        return bool(output[0, 1] > output[0, 0] and output[0, 1] > self._options.threshold)
