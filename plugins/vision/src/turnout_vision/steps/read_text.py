"""The step ``read_text``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from turnout import InferenceRequest, InferenceResponse, PipelineContext, StepDeclaration
from turnout.errors import TurnoutError
from turnout_vision.options.text_reading import ReadTextOptions
from turnout_vision.regions.region import Region
from turnout_vision.steps.model_output import read_output
from turnout_vision.steps.model_step import ModelStep, RefusedInput, name_advice
from turnout_vision.text_reading.characters import find_characters
from turnout_vision.text_reading.ctc import classes_of, decode, read_probabilities
from turnout_vision.text_reading.line_box import line_region
from turnout_vision.text_reading.line_input import group_widths, resize_line
from turnout_vision.text_reading.packages import require_text_packages
from turnout_vision.text_reading.text_line import TextLine
from turnout_vision.text_reading.text_pixels import channels_first, line_table
from turnout_vision.text_reading.text_region import TextRegion


class ReadText(ModelStep):
    """Sends a recognizer each of ``text_regions``, and writes ``text_lines``, a list of TextLine in their order.

    A request is ``x`` FP32 [1, 3, 48, width]; a response has the probabilities of the characters, FP32
    [1, columns, classes], and class 0 is CTC's blank. Lines with a lower score than ``score_threshold`` are left out. A
    region that failed is reported by its index in ``text_regions``. With ``into_regions`` the lines are written as
    ``regions`` too. Thread-safe: nothing changes after ``__init__`` but the characters, which are read once.
    """

    needs = ("picture", "text_regions")
    model: str

    def __init__(self, declaration: StepDeclaration, options: ReadTextOptions) -> None:
        require_text_packages(declaration)
        self.model = options.model
        self.provides = ("text_lines", "regions") if options.into_regions else ("text_lines",)
        self._options = options
        self._source = find_characters(declaration, options.model, options.characters)
        self._table = line_table()

    # At the first use, since `turnout check` creates every step.
    @cached_property
    def _characters(self) -> tuple[str, ...]:
        return self._source.read()

    def advise(self, refused: RefusedInput) -> str | None:
        if refused.name != self._options.input or refused.known is not None:
            return name_advice(refused)
        size = refused.picture_size
        if size is None or size[0] == self._options.height:
            return "read_text sends lines of many widths; serve an export with a free width"
        return f"write `height: {size[0]}` in the step"

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        options = self._options
        crops = [region.crop for region in context["text_regions"] or ()]
        widths = group_widths(crops, height=options.height, least=options.least_width, group=options.group)
        return [
            InferenceRequest(
                {
                    options.input: channels_first(
                        resize_line(crop, height=options.height, width=width), self._table, order=options.order, width=width
                    )
                }
            )
            for crop, width in zip(crops, widths, strict=True)
        ]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        regions: list[TextRegion] | None = context["text_regions"]
        lines: list[TextLine] = []
        for index, (region, response) in enumerate(zip(regions or (), responses, strict=True)):
            try:
                text, score = self._read(response)
            except TurnoutError as error:
                context.report(error, index)
                continue
            if score >= self._options.score_threshold:
                lines.append(TextLine(text, score, region.polygon))
        context["text_lines"] = None if regions is None else lines
        if self._options.into_regions:
            context["regions"] = self._regions(context, lines)

    def _read(self, response: InferenceResponse) -> tuple[str, float]:
        output = read_output(response, self._options.output, (), model=self.model, holds="the probabilities of the characters")
        probabilities = read_probabilities(output, self.model)
        classes = classes_of(self._characters, probabilities.shape[1], self.model, repr(self._source.file.name))
        return decode(probabilities, classes)

    def _regions(self, context: PipelineContext, lines: Sequence[TextLine]) -> list[Region]:
        height, width = context["picture"].shape[:2]
        return [line_region(line, height, width) for line in lines]
