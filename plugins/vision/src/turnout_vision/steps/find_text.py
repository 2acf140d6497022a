"""The step ``find_text``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from turnout import InferenceRequest, InferenceResponse, PipelineContext, StepDeclaration
from turnout.errors import InvalidInputError, TurnoutError
from turnout_vision.options.text_reading import FindTextOptions
from turnout_vision.steps.model_output import read_output
from turnout_vision.steps.model_step import ModelStep, RefusedInput, name_advice
from turnout_vision.text_reading.detector_input import detector_size
from turnout_vision.text_reading.line_crops import cut_line
from turnout_vision.text_reading.packages import require_text_packages
from turnout_vision.text_reading.polygons import reading_order
from turnout_vision.text_reading.text_frame import TextFrame, frame_of
from turnout_vision.text_reading.text_map import TextMapReader, read_map
from turnout_vision.text_reading.text_pixels import channels_first, normalization_table
from turnout_vision.text_reading.text_region import TextRegion


class FindText(ModelStep):
    """Sends a text detector the picture, and writes ``text_regions``, a list of TextRegion in the order of reading.

    A request is ``x`` FP32 [1, 3, height, width], both multiples of 32; a response has one map of probabilities, FP32
    [1, 1, height, width]. A picture without text has an empty list; None if the step failed, which is reported.
    Thread-safe: nothing changes after ``__init__``.
    """

    needs = ("picture",)
    provides = ("text_regions",)
    model: str

    def __init__(self, declaration: StepDeclaration, options: FindTextOptions) -> None:
        require_text_packages(declaration)
        self.model = options.model
        self._options = options
        self._table = normalization_table(options.mean, options.std)
        self._reader = TextMapReader(
            options.threshold, options.box_threshold, options.unclip_ratio, options.dilate, options.max_regions
        )

    def advise(self, refused: RefusedInput) -> str | None:
        if refused.name != self._options.input or refused.known is not None:
            return name_advice(refused)
        return "find_text sends pictures of many sizes; serve an export with free height and width"

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        import cv2

        options = self._options
        try:
            frame = frame_of(context["picture"], largest_side=options.largest_side, smallest_side=options.smallest_side)
            height, width = detector_size(frame, limit=options.limit, limit_side=options.limit_side)
        except InvalidInputError as error:
            context.report(error)
            return []
        context.state = frame
        pixels = np.asarray(cv2.resize(frame.pixels, (width, height)), np.uint8)
        return [InferenceRequest({options.input: channels_first(pixels, self._table, order=options.order)})]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context["text_regions"] = None
        for response in responses:
            try:
                context["text_regions"] = self._read(context, context.state, response)
            except TurnoutError as error:
                # Without an index: the whole step failed.
                context.report(error)

    def _read(self, context: PipelineContext, frame: TextFrame, response: InferenceResponse) -> list[TextRegion]:
        output = read_output(response, self._options.output, (), model=self.model, holds="the map of text")
        probabilities = read_map(output, self.model)
        polygons, scores, areas = self._reader.read(probabilities, *frame.pixels.shape[:2])
        if areas > self._options.max_regions:
            context.report(
                InvalidInputError(
                    f"the picture has {areas} areas of text, and {self._options.max_regions} were looked at; "
                    "raise max_regions of find_text, or give a part of the picture"
                )
            )
        return [
            TextRegion(frame.to_picture(polygons[index]), scores[index], cut_line(frame.pixels, polygons[index]))
            for index in reading_order(polygons)
        ]
