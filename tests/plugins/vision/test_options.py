from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.segment_regions import SegmentRegionsOptions
from turnout_vision.options.texts import TextStepOptions


@pytest.mark.parametrize(
    "given",
    [
        {"margin": True},
        {"margin": "true"},
        {"margin": float("nan")},
        {"margin": float("inf")},
        {"threshold": False},
        {"threshold": float("nan")},
        {"size": [True, 24]},
        {"size": [24.0, 24]},
        {"size": [24]},
        {"marign": 0.1},
    ],
)
def test_a_segmenters_options_refuse_a_wrong_value_or_key(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SegmentRegionsOptions(model="segmenter", **given)


@pytest.mark.parametrize("given", [{"max_pixels": True}, {"max_regions": 1.5}, {"background": [True, 0, 0]}])
def test_a_boolean_or_a_fraction_is_not_a_whole_number(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LoadImageOptions(**given)


@pytest.mark.parametrize("given", [{"margin": True}, {"prompt_length": True}])
def test_a_text_steps_options_refuse_booleans_as_numbers(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TextStepOptions(model="captioner", **given)


def test_a_number_from_an_environment_variable_is_text_and_is_accepted() -> None:
    assert SegmentRegionsOptions(model="segmenter", margin="0.2").margin == 0.2  # type: ignore[arg-type]  # what ${MARGIN} gives


def test_options_cannot_be_changed() -> None:
    options = SegmentRegionsOptions(model="segmenter")

    with pytest.raises(ValidationError, match="frozen"):
        options.margin = 0.5  # type: ignore[misc]  # frozen
