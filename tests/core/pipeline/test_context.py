"""The view of a step, and the result of a run."""

from __future__ import annotations

from typing import Any

import pytest

from turnout import PipelineContext, PipelineResult, PipelineStep, StepFailure
from turnout.errors import InferenceError, PipelineError


class Reads(PipelineStep):
    inputs = ("image",)
    optional_inputs = ("prompt",)
    provides = ("caption",)


class Nothing(PipelineStep):
    """Declares nothing."""


def test_reads_and_writes_what_the_step_declares() -> None:
    values: dict[str, Any] = {"image": 1, "secret": 2}
    context = PipelineContext(values, reads=Reads().reads, provides=Reads().provides, name="reads")

    context["caption"] = "a red circle"

    assert dict(context) == {"image": 1, "caption": "a red circle"}
    assert len(context) == 2
    assert values["caption"] == "a red circle"


def test_an_undeclared_read_names_what_is_declared() -> None:
    context = PipelineContext({"images": 1}, reads=Reads().reads, provides=Reads().provides, name="reads")

    with pytest.raises(PipelineError) as caught:
        context["images"]

    assert str(caught.value) == (
        "step 'reads' reads 'images', which it does not declare; it declares: caption, image, prompt. Did you mean 'image'?"
    )


def test_an_undeclared_write_names_what_is_provided() -> None:
    context = PipelineContext({}, reads=Reads().reads, provides=Reads().provides, name="reads")

    with pytest.raises(PipelineError) as caught:
        context["captions"] = 1

    assert str(caught.value) == (
        "step 'reads' writes 'captions', which it does not declare; it provides: caption. Did you mean 'caption'?"
    )


def test_a_step_that_declares_nothing_touches_nothing() -> None:
    context = PipelineContext({"image": 1}, reads=Nothing().reads, provides=Nothing().provides)

    with pytest.raises(PipelineError, match="it declares: nothing"):
        context["image"]
    with pytest.raises(PipelineError, match="it provides: nothing"):
        context["image"] = 2


def test_an_optional_input_that_was_not_given_is_absent() -> None:
    context = PipelineContext({"image": 1, "other": 2}, reads=Reads().reads, provides=Reads().provides)

    assert "prompt" not in context
    assert "other" not in context
    assert "image" in context


def test_values_are_never_deleted() -> None:
    context = PipelineContext({"image": 1}, reads=Reads().reads, provides=Reads().provides, name="reads")

    with pytest.raises(PipelineError, match="step 'reads' deletes 'image'"):
        del context["image"]


def test_a_reported_failure_has_step_item_and_reason() -> None:
    failures: list[StepFailure] = []
    context = PipelineContext({}, reads=Reads().reads, provides=Reads().provides, name="reads", failures=failures)

    context.report(InferenceError("no"), 3)
    context.report(InferenceError("never"))

    assert [str(failure) for failure in failures] == ["reads [3]: no", "reads: never"]


def test_a_context_without_a_run_accepts_reports_too() -> None:
    PipelineContext({}, reads=Reads().reads, provides=Reads().provides).report(InferenceError("no"))


def test_a_result_is_a_read_mapping() -> None:
    result = PipelineResult({"caption": "a red circle", "path": "p"})

    assert dict(result) == {"caption": "a red circle", "path": "p"}
    assert len(result) == 2
    assert (result.failures, result.timings) == ((), {})
