"""The defaults of a step."""

from __future__ import annotations

from turnout import PipelineContext, PipelineStep


class Declares(PipelineStep):
    inputs = ("a",)
    optional_inputs = ("b",)
    needs = ("c",)
    provides = ("d",)


def test_reads_are_inputs_optional_inputs_and_needs() -> None:
    assert Declares().reads == {"a", "b", "c"}


def test_a_step_that_overrides_nothing_sends_and_writes_nothing() -> None:
    step, values = Declares(), {"a": 1}
    context = PipelineContext(values, reads=step.reads, provides=step.provides)

    requests = step.preprocess(context)
    step.postprocess(context, ())
    step.process(context)

    assert (step.model, requests, values) == (None, (), {"a": 1})
