"""Plans: checks before the first run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from turnout import PipelineStep, StepInput
from turnout.errors import PipelineError
from turnout.pipeline import plan_pipeline


class Declares(PipelineStep):
    def __init__(self, **names: tuple[str, ...]) -> None:
        for attribute, value in names.items():
            setattr(self, attribute, value)


LOAD = Declares(inputs=("path",), optional_inputs=("limit",), provides=("image",))
SEGMENT = Declares(needs=("image",), optional_inputs=("regions",), provides=("masks",))
CAPTION = Declares(needs=("image",), provides=("captions",))
DRAW = Declares(needs=("masks", "captions"), provides=("drawing",))


def test_a_plan_has_the_inputs_and_the_order() -> None:
    plan = plan_pipeline("p", {"load": LOAD, "segment": SEGMENT, "caption": CAPTION, "draw": DRAW})

    assert plan.inputs == ("path",)
    assert plan.optional_inputs == ("limit", "regions")
    assert plan.after == {
        "load": frozenset(),
        "segment": {"load"},
        "caption": {"load"},
        "draw": {"segment", "caption"},
    }


def test_a_step_in_the_wrong_order_names_the_provider_to_move() -> None:
    with pytest.raises(PipelineError) as caught:
        plan_pipeline("p", {"segment": SEGMENT, "load": LOAD})

    assert str(caught.value) == (
        "pipeline 'p': step 'segment' needs 'image', but the steps before it provide nothing; "
        "move 'load', which provides it, before 'segment'"
    )


def test_a_need_without_a_provider_lists_the_names_and_suggests() -> None:
    needy = Declares(needs=("imagee",))

    with pytest.raises(PipelineError) as caught:
        plan_pipeline("p", {"load": LOAD, "needy": needy})

    assert str(caught.value) == (
        "pipeline 'p': step 'needy' needs 'imagee', but the steps before it provide image; "
        "put a step that provides it before 'needy' (Did you mean 'image'?)"
    )


def test_a_need_without_a_provider_names_the_kinds_of_steps_that_provide_it() -> None:
    kinds = {"lines": ["find_lines"], "boxes": ["a", "b", "c", "d"]}

    with pytest.raises(PipelineError) as one:
        plan_pipeline("p", {"load": Declares(provides=("line",)), "read": Declares(needs=("lines",))}, kinds)
    with pytest.raises(PipelineError) as many:
        plan_pipeline("p", {"load": LOAD, "read": Declares(needs=("boxes",))}, kinds)
    with pytest.raises(PipelineError) as later:
        plan_pipeline("p", {"read": Declares(needs=("lines",)), "find": Declares(provides=("lines",))}, kinds)

    assert str(one.value).endswith("provide line; put 'find_lines', which provides it, before 'read'")
    assert str(many.value).endswith("put 'a' or 'b' or 'c', which provides it, before 'read'")
    assert str(later.value).endswith("move 'find', which provides it, before 'read'")


def test_every_missing_need_is_in_one_error() -> None:
    with pytest.raises(PipelineError) as caught:
        plan_pipeline("p", {"draw": DRAW, "segment": SEGMENT, "load": LOAD})

    assert [f"needs {need!r}" in str(caught.value) for need in ("masks", "captions", "image")] == [True] * 3


def test_a_step_that_needs_only_its_own_output_is_refused() -> None:
    with pytest.raises(PipelineError, match="put a step that provides it before 'own'"):
        plan_pipeline("p", {"own": Declares(needs=("x",), provides=("x",))})


def test_an_input_that_an_earlier_step_writes_is_not_required_of_the_caller() -> None:
    plan = plan_pipeline("p", {"first": Declares(provides=("prompt",)), "second": Declares(inputs=("prompt",))})

    assert plan.inputs == ()
    assert plan.after["second"] == {"first"}


def test_an_input_that_one_step_requires_is_not_optional_for_another() -> None:
    plan = plan_pipeline("p", {"first": Declares(optional_inputs=("prompt",)), "second": Declares(inputs=("prompt",))})

    assert (plan.inputs, plan.optional_inputs) == (("prompt",), ())


def test_a_writer_waits_for_earlier_readers_and_earlier_writers() -> None:
    reads, first, second = Declares(inputs=("x",)), Declares(provides=("x",)), Declares(provides=("x",))

    plan = plan_pipeline("p", {"reads": reads, "first": first, "second": second})

    assert plan.after == {"reads": frozenset(), "first": {"reads"}, "second": {"reads", "first"}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "pipeline 'p' needs 'path', got: nothing; give it by its name"),
        ({"limit": 1}, "pipeline 'p' needs 'path', got: limit; give it by its name"),
        ({"pth": 1}, "pipeline 'p' has no input 'pth'; it takes: path, limit. Did you mean 'path'?"),
        ({"path": 1, "image": 2}, "pipeline 'p' has no input 'image'; it takes: path, limit."),
    ],
)
def test_inputs_that_are_missing_or_unknown_are_refused(
    given: dict[str, object], message: str, text_of: Callable[[Callable[[], object]], str]
) -> None:
    plan = plan_pipeline("p", {"load": LOAD})

    assert text_of(lambda: plan.check_inputs("p", given)) == message


def test_a_pipeline_that_takes_nothing_says_so(text_of: Callable[[Callable[[], object]], str]) -> None:
    plan = plan_pipeline("p", {"s": Declares()})

    assert text_of(lambda: plan.check_inputs("p", {"x": 1})) == "pipeline 'p' has no input 'x'; it takes: nothing."


def test_optional_inputs_may_be_left_out_or_given() -> None:
    plan = plan_pipeline("p", {"load": LOAD})

    plan.check_inputs("p", {"path": 1})
    plan.check_inputs("p", {"path": 1, "limit": None})


def test_the_form_and_the_example_of_an_input_are_those_of_the_first_step_that_has_one() -> None:
    first, second = StepInput("text", "first"), StepInput("json", "second")
    steps = {
        "a": Declares(inputs=("x", "y"), provides=("z",), input_forms={"x": first, "unread": first}),
        "b": Declares(inputs=("x", "z"), input_forms={"x": second, "z": second}),
    }
    steps["a"].example_inputs = lambda: {"x": 1}
    steps["b"].example_inputs = lambda: {"x": 2, "z": 3}

    plan = plan_pipeline("p", steps)

    # Neither a name that no caller gives, nor one that an earlier step writes.
    assert plan.input_forms == {"x": first}
    assert plan.examples() == {"x": 1, "z": 3}


def test_a_step_draws_nothing_by_default() -> None:
    assert Declares().draw({}) is None
