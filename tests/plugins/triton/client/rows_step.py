"""A plugin with one step: sends each row of ``rows`` to ``identity``, all at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import turnout
from turnout import InferenceRequest, InferenceResponse, PipelineContext, PipelineStep, Step, hookimpl


class NoOptions(turnout.Options):
    """No options."""


class SendEachRow(PipelineStep):
    model = "identity"
    inputs = ("rows",)
    provides = ("echoes",)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        return [InferenceRequest({"x": row[None]}) for row in context["rows"]]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context["echoes"] = [response["y"][0] for response in responses]


@hookimpl
def turnout_steps() -> Iterable[Step]:
    yield Step("send_each_row", lambda declaration, options: SendEachRow(), NoOptions)
