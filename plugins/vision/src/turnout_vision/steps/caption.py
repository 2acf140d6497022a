"""The step that captions regions or the picture."""

from __future__ import annotations

from turnout import InferenceResponse, PipelineContext, StepDeclaration
from turnout_vision.options import CaptionOptions
from turnout_vision.steps.text_step import TextStep
from turnout_vision.tokens import TextCodec


class Caption(TextStep):
    """Writes ``captions``, a list of text as long as ``regions``, or ``caption``, the text for the whole picture.

    A caption begins with the ``prompt`` of the options where the model repeats it, as BLIP does.
    """

    def __init__(self, declaration: StepDeclaration, options: CaptionOptions) -> None:
        super().__init__(declaration, options, one="caption", many="captions")
        self._prompt = options.prompt

    def prompt(self, context: PipelineContext) -> str:
        return self._prompt

    def text(self, codec: TextCodec, response: InferenceResponse, prompt: str) -> str:
        return codec.whole_text(response[self._text_options.output], codec.ids(prompt))
