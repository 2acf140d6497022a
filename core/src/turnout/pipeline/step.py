"""The base class of a pipeline's steps, which prepare requests and read responses, and never call a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnout.errors import TurnoutError
from turnout.inference import EMPTY, InferenceRequest, InferenceResponse
from turnout.pipeline.context import PipelineContext
from turnout.pipeline.step_input import StepInput


class PipelineStep:
    """One step. A step with a ``model`` overrides ``preprocess`` and ``postprocess``, a plain one overrides ``process``.

    One object serves all runs of its pipeline, from many threads at once, so it keeps no state between calls.

    Attributes:
        model: the name of the model that answers this step's requests; None for a plain step.
        inputs: required names, from the caller or an earlier step.
        optional_inputs: optional names, from the caller or an earlier step.
        needs: required names from an earlier step.
        provides: the names that this step writes, in every run.
        input_forms: what a caller outside of Python gives for names of ``inputs`` and ``optional_inputs``; a name without a
            form gets any value of JSON.
    """

    model: str | None = None
    inputs: tuple[str, ...] = ()
    optional_inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    input_forms: Mapping[str, StepInput] = EMPTY

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        """Return the requests for the model: none, one or many. They run in parallel.

        Raises:
            InvalidInputError: a value cannot be used; the run ends with this error.
        """
        return ()

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        """Write values from ``responses``, which are in the order of the requests.

        The response of a failed request has ``error`` set, and raises it when an output is read. To answer the other requests,
        check ``error`` first and call ``context.report``.
        """

    def explain(self, error: TurnoutError) -> TurnoutError:
        """Return the error that the run reports for ``error`` of a request: itself, or one whose advice fits this step.

        The caller of a pipeline has not made the tensors; an option of the step may be what has to change.
        """
        return error

    def process(self, context: PipelineContext) -> None:
        """Do the work of a step without a model."""

    def example_inputs(self) -> Mapping[str, Any]:
        """Return an example for each name of ``inputs`` that this step knows one for; ``turnout check --deep`` runs on them."""
        return {}

    def draw(self, result: Mapping[str, Any]) -> bytes | None:
        """Return the values of a run as a picture, a PNG file, for people; None if this step draws none. Blocks."""
        return None

    @property
    def reads(self) -> frozenset[str]:
        """All names that this step may read."""
        return frozenset((*self.inputs, *self.optional_inputs, *self.needs))
