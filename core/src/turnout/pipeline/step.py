"""What a step of a pipeline is: it prepares requests and reads responses, and never calls a model."""

from __future__ import annotations

from collections.abc import Sequence

from turnout.inference import InferenceRequest, InferenceResponse
from turnout.pipeline.context import PipelineContext


class PipelineStep:
    """One step. A step with a ``model`` overrides ``preprocess`` and ``postprocess``, a plain one overrides ``process``.

    One step object serves every run of its pipeline, from many threads at once: it keeps nothing between calls.

    Attributes:
        model: the name of the model that answers this step's requests; None for a plain step.
        inputs: names that the caller, or an earlier step, must give.
        optional_inputs: names that the caller, or an earlier step, may give.
        needs: names that an earlier step must write.
        provides: names that this step writes, in every run.
    """

    model: str | None = None
    inputs: tuple[str, ...] = ()
    optional_inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        """Return the requests for the model: none, one or many. They run at the same time.

        Raises:
            InvalidInputError: what the step reads cannot be used; the run ends with this error.
        """
        return ()

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        """Write what ``responses``, in the order of the requests, say.

        A failed request has a response whose ``error`` is set and raised when an output is read: a step that wants to answer
        the others looks at ``error`` first and calls ``context.report``.
        """

    def process(self, context: PipelineContext) -> None:
        """Do the work of a step without a model."""

    @property
    def reads(self) -> frozenset[str]:
        """Every name that this step may read."""
        return frozenset((*self.inputs, *self.optional_inputs, *self.needs))
