from __future__ import annotations

import pytest
import torch

from turnout.errors import ModelLoadError
from turnout_direct.generation_family import family_of


def test_a_module_of_another_class_is_refused() -> None:
    with pytest.raises(ModelLoadError, match=r"model 'm': 'method: generate' supports BlipForCond.*, not 'Identity'; use"):
        family_of(torch.nn.Identity(), "m")


@pytest.mark.usefixtures("_modules")
@pytest.mark.parametrize(
    ("factory", "argument", "starts"),
    [
        ("blip", "BlipForConditionalGeneration", [4, 6]),
        ("blip", "BlipForQuestionAnswering", [1, 1]),
        ("blip2", "opt", [5, 7]),
        ("blip2", "t5", [1, 1]),
    ],
)
def test_an_answer_starts_as_in_transformers(factory: str, argument: str, starts: list[int]) -> None:
    import turnout_test_blip

    family = family_of(getattr(turnout_test_blip, factory)(argument), "m")

    assert [family.start_length(prompt) for prompt in (5, 7)] == starts
