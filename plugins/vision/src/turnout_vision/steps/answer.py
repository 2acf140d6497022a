"""The step ``answer``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnout import InferenceResponse, PipelineContext, StepDeclaration, StepInput
from turnout.errors import InvalidInputError
from turnout_vision.brief_text import brief
from turnout_vision.options.texts import AnswerOptions
from turnout_vision.steps.text_step import TextStep


class AnswerQuestion(TextStep):
    """Writes ``answers``, a list of texts as long as ``regions``, or ``answer``, the text for the whole picture.

    The caller's ``question`` overrides that of the options. If the options have none, the pipeline requires the caller's,
    and a run without it fails before any step.
    """

    def __init__(self, declaration: StepDeclaration, options: AnswerOptions) -> None:
        super().__init__(declaration, options, one="answer", many="answers")
        self._question = options.question
        self._template = options.template
        default = "" if options.question is None else f" {options.question!r} by default."
        self.input_forms = {"question": StepInput("text", f"The question about the picture.{default}")}
        if options.question is None:
            self.inputs = ("question",)
        else:
            self.optional_inputs = ("question",)

    def example_inputs(self) -> Mapping[str, Any]:
        return {"question": "what is in the picture?"}

    def prompt(self, context: PipelineContext) -> str:
        question = context.get("question")
        if question is None:
            question = self._question
        if not isinstance(question, str) or not question.strip():
            raise InvalidInputError(f"question is {brief(question)} (type {type(question).__name__}); give a question as text")
        # Not str.format: the question may contain braces.
        return self._template.replace("{question}", question)

    def text(self, response: InferenceResponse, prompt: Sequence[int]) -> str:
        return self.codec.new_text(response[self._text_options.output], prompt)
