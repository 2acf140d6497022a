"""The step that answers a question on regions or on the picture."""

from __future__ import annotations

from turnout import InferenceResponse, PipelineContext, StepDeclaration
from turnout.errors import InvalidInputError
from turnout_vision.options import AnswerOptions
from turnout_vision.steps.text_step import TextStep
from turnout_vision.tokens import TextCodec


class AnswerQuestion(TextStep):
    """Writes ``answers``, a list of text as long as ``regions``, or ``answer``, the text for the whole picture.

    The caller's ``question`` wins over the one of the options. Without the latter the pipeline needs the former, and says so
    before anything runs.
    """

    def __init__(self, declaration: StepDeclaration, options: AnswerOptions) -> None:
        super().__init__(declaration, options, one="answer", many="answers")
        self._question = options.question
        self._template = options.template
        if options.question is None:
            self.inputs = ("question",)
        else:
            self.optional_inputs = ("question",)

    def prompt(self, context: PipelineContext) -> str:
        question = context.get("question")
        if question is None:
            question = self._question
        if not isinstance(question, str) or not question.strip():
            raise InvalidInputError(f"question is {question!r:.60}, a {type(question).__name__}; ask something as text")
        return self._template.replace("{question}", question)

    def text(self, codec: TextCodec, response: InferenceResponse, prompt: str) -> str:
        return codec.new_text(response[self._text_options.output], codec.ids(prompt))
