from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout import PipelineStep, StepDeclaration
from turnout.errors import InvalidInputError, PipelineError
from turnout_vision.factories import create_answer, create_load_image
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.texts import AnswerOptions

Boxes = dict[str, tuple[int, int, int, int]]


def steps(declaration: StepDeclaration, **options: Any) -> dict[str, PipelineStep]:
    return {
        "load_image": create_load_image(declaration, LoadImageOptions()),
        "answer": create_answer(declaration, AnswerOptions(model="answerer", **options)),
    }


@pytest.mark.parametrize("echoes", [True, False])
def test_each_region_has_its_own_answer_without_the_question(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, color_model: Any, echoes: bool
) -> None:
    models = {"answerer": color_model(echoes=echoes)}

    result = run(steps(declaration), models, image=scene, regions=list(boxes.values()), question="what colour is it?")

    assert result["answers"] == [f"{color} box" for color in boxes]


@pytest.mark.parametrize(("given", "expected"), [({}, "is this red?"), ({"question": "what is it?"}, "what is it?")])
def test_the_callers_question_overrides_that_of_the_settings(
    run: Any,
    declaration: StepDeclaration,
    scene: NDArray[np.uint8],
    color_model: Any,
    words: list[str],
    given: dict[str, str],
    expected: str,
) -> None:
    model = color_model(echoes=False)

    run(steps(declaration, question="is this red?"), {"answerer": model}, image=scene, **given)

    ids = [words.index(word) for word in f"[CLS] {expected.replace('?', ' ?')} [SEP]".split()]
    assert model.received[0]["input_ids"].tolist() == [ids]


def test_questions_are_padded_to_one_length(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], color_model: Any
) -> None:
    model = color_model(echoes=False)

    for question in ("what is it?", "is this a red box?"):
        run(steps(declaration, prompt_length=12), {"answerer": model}, image=scene, question=question)

    assert [inputs["input_ids"].shape for inputs in model.received] == [(1, 12), (1, 12)]


def test_a_template_goes_around_the_question(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], color_model: Any, words: list[str]
) -> None:
    model = color_model(echoes=True)

    created = steps(declaration, template="this is {question} a", question="what")

    assert run(created, {"answerer": model}, image=scene)["answers"] == ["white box"]
    assert [words[token] for token in model.received[0]["input_ids"][0]] == ["[CLS]", "this", "is", "what", "a", "[SEP]"]


def test_without_any_question_the_run_fails_before_any_request(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], color_model: Any
) -> None:
    model = color_model(echoes=False)

    with pytest.raises(PipelineError, match=r"pipeline 'describe' needs 'question', got: image"):
        run(steps(declaration), {"answerer": model}, image=scene)
    assert not model.received


@pytest.mark.parametrize("question", ["", "  ", 7, ["what?"], None])
def test_a_value_that_is_not_a_question_is_refused(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], color_model: Any, question: Any
) -> None:
    with pytest.raises(InvalidInputError, match=r"question is .*; give a question as text"):
        run(steps(declaration), {"answerer": color_model(echoes=False)}, image=scene, question=question)


def test_the_whole_picture_has_one_answer(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], color_model: Any
) -> None:
    result = run(steps(declaration, on="picture", question="what?"), {"answerer": color_model(echoes=False)}, image=scene)

    assert result["answer"] == "white box"


def test_a_failed_region_is_reported_and_the_others_are_answered(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, color_model: Any
) -> None:
    models = {"answerer": color_model(echoes=False, fails_on="red")}

    result = run(steps(declaration, question="what?"), models, image=scene, regions=list(boxes.values()))

    assert result["answers"] == [None, "green box", "blue box", "yellow box"]
    assert [(failure.step, failure.index) for failure in result.failures] == [("answer", 0)]


@pytest.mark.parametrize("template", ["", "{questions}", "{question} {question}"])
def test_a_template_without_one_place_for_the_question_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="template must contain"):
        AnswerOptions(model="answerer", template=template)
