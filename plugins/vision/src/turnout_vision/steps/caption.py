"""The step ``caption``."""

from __future__ import annotations

from collections.abc import Sequence

from turnout import InferenceResponse, PipelineContext, StepDeclaration
from turnout_vision.options.texts import CaptionOptions
from turnout_vision.steps.text_step import TextStep


class Caption(TextStep):
    """Writes ``captions``, a list of texts as long as ``regions``, or ``caption``, the text for the whole picture.

    A caption begins with the ``prompt`` of the options if the model repeats it, as BLIP does.
    """

    def __init__(self, declaration: StepDeclaration, options: CaptionOptions) -> None:
        super().__init__(declaration, options, one="caption", many="captions")
        self._prompt = options.prompt

    def prompt(self, context: PipelineContext) -> str:
        return self._prompt

    def text(self, response: InferenceResponse, prompt: Sequence[int]) -> str:
        return self.codec.whole_text(response[self._text_options.output], prompt)
