from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from turnout_direct.generation_family import GenerationFamily, Start
from turnout_direct.generation_options import GenerationOptions
from turnout_direct.length_limit import LengthLimit, generated_width, limit_of


def family_with(start: Start, image_token: int | None = None, **settings: Any) -> GenerationFamily:
    """Return a family whose checkpoint has ``settings`` for generation."""
    config = SimpleNamespace(**{"max_length": None, "max_new_tokens": None} | settings)
    decoder: Any = SimpleNamespace(generation_config=config)
    return GenerationFamily(start, decoder, vocabulary=60, ends=(2,), pad=0, shortest=1, pictures=(), image_token=image_token)


def test_the_options_come_before_the_checkpoint() -> None:
    family = family_with("prompt", max_length=30)

    assert limit_of(family, GenerationOptions(max_new_tokens=4)) == LengthLimit(None, 4)
    assert limit_of(family, GenerationOptions(max_length=9)) == LengthLimit(9, None)
    assert limit_of(family, GenerationOptions()) == LengthLimit(30, None)


@pytest.mark.parametrize(
    ("start", "image", "width"),
    [("prompt_but_last", None, 20), ("prompt", None, 20), ("prompt", 3, 11 + 20), ("first_token", 3, 20)],
)
def test_without_a_limit_the_default_applies(start: Start, image: int | None, width: int) -> None:
    family = family_with(start, image)

    assert generated_width(family, limit_of(family, GenerationOptions()), 11) == width


@pytest.mark.parametrize(("start", "width"), [("prompt_but_last", 6 + 9), ("prompt", 7 + 9), ("first_token", 1 + 9)])
def test_new_tokens_are_added_to_the_start_of_an_answer(start: Start, width: int) -> None:
    assert generated_width(family_with(start), LengthLimit(None, 9), 7) == width


def test_a_limit_is_an_argument_of_generate() -> None:
    assert LengthLimit(9, None).arguments() == {"max_length": 9}
    assert LengthLimit(None, 4).arguments() == {"max_new_tokens": 4}
