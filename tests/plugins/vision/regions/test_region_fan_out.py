from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout import InferenceResponse, PipelineContext, PipelineStep, StepDeclaration
from turnout.errors import InferenceError, InvalidInputError
from turnout_vision.factories import create_answer, create_caption, create_load_image, create_segment_regions
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.segment_regions import SegmentRegionsOptions
from turnout_vision.options.texts import AnswerOptions, CaptionOptions
from turnout_vision.regions import region_fan_out
from turnout_vision.regions.region import Region
from turnout_vision.regions.region_fan_out import read_regions, read_responses
from turnout_vision.texts.tokens import TextCodec

FIRST, SECOND = Region(0, 0, 4, 4), Region(2, 2, 8, 8)


class Detector(PipelineStep):
    """Writes boxes that are not parsed yet."""

    needs = ("picture",)
    provides = ("regions",)

    def process(self, context: PipelineContext) -> None:
        context["regions"] = [[4, 6, 34, 46], [60, 10, 90, 40], [70, 60, 110, 100]]


def context(regions: Any) -> PipelineContext:
    values = {"picture": np.zeros((10, 20, 3), np.uint8), "regions": regions}
    return PipelineContext(values, reads=values, failures=[])


def count(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """Record each call of ``owner.name``."""
    calls: list[Any] = []
    real: Callable[..., Any] = getattr(owner, name)

    def record(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(owner, name, record)
    return calls


def test_regions_and_prompts_are_prepared_once_in_a_run_of_a_step(
    run: Any,
    declaration: StepDeclaration,
    scene: NDArray[np.uint8],
    color_model: Any,
    segmenter: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = {
        "load_image": create_load_image(declaration, LoadImageOptions()),
        "detect": Detector(),
        "segment_regions": create_segment_regions(declaration, SegmentRegionsOptions(model="segmenter")),
        "caption": create_caption(declaration, CaptionOptions(model="captioner", prompt="a picture of", margin=0.2)),
        "answer": create_answer(declaration, AnswerOptions(model="answerer", question="what?", margin=0.2)),
    }
    models = {"segmenter": segmenter(), "captioner": color_model(echoes=True), "answerer": color_model(echoes=False)}
    parses = count(monkeypatch, region_fan_out, "parse_regions")
    margins, prompts = count(monkeypatch, Region, "with_margin"), count(monkeypatch, TextCodec, "ids")

    result = run(steps, models, image=scene)

    assert not result.failures
    assert (len(result["masks"]), len(result["captions"]), len(result["answers"])) == (3, 3, 3)
    assert len(parses) == 3  # once in each step with a model
    assert len(margins) == 3 * 3  # once for each region of a step
    assert len(prompts) == 2  # once in each step with text, not once for each region


def test_parsed_regions_are_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parses = count(monkeypatch, region_fan_out, "parse_regions")

    assert read_regions(context([FIRST, None, SECOND])) == [FIRST, None, SECOND]
    assert not parses


def test_wrong_regions_of_a_detector_are_reported_by_index() -> None:
    failures: list[Any] = []
    values = {"picture": np.zeros((10, 20, 3), np.uint8), "regions": [[0, 0, 4, 4], [9, 9, 1, 1]]}

    regions = read_regions(PipelineContext(values, reads=values, name="caption", failures=failures))

    assert regions == [FIRST, None]
    assert [(failure.step, failure.index, type(failure.error)) for failure in failures] == [("caption", 1, InvalidInputError)]


def test_each_response_belongs_to_its_region_and_a_failed_one_is_none() -> None:
    responses = [InferenceResponse({"n": np.array(1)}), InferenceResponse({}, error=InferenceError("no"))]

    values = read_responses(
        context([]), [None, FIRST, SECOND], responses, lambda region, response: (region, int(response["n"]))
    )

    assert values == [None, (FIRST, 1), None]


def test_a_wrong_number_of_responses_is_a_defect() -> None:
    with pytest.raises(ValueError, match="zip"):
        read_responses(context([]), [FIRST], [], lambda *_: None)
