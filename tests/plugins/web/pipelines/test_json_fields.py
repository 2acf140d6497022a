"""Fields of a form that take JSON: how a text in them should be written."""

from __future__ import annotations

import pytest

from turnout import StepInput
from turnout_web.pipelines.request_body import _advise_json

TEXTS = StepInput("json", "Texts.", schema={"type": "array", "items": {"type": "string"}})
BOXES = StepInput("json", "Boxes.", schema={"type": "array", "items": {"type": "array"}})


@pytest.mark.parametrize(
    ("content", "declared", "advice"),
    [
        ("a cat", TEXTS, '; write a list of texts, such as ["a cat"]'),
        ('a "fat" café', TEXTS, '; write a list of texts, such as ["a \\"fat\\" café"]'),
        ("x" * 101, TEXTS, "; it takes JSON: Texts."),
        ("a\ncat", TEXTS, "; it takes JSON: Texts."),
        (b"a cat", TEXTS, "; it takes JSON: Texts."),
        ("a cat", BOXES, "; it takes JSON: Boxes."),
        ("a cat", StepInput("json"), ""),
    ],
)
def test_a_text_is_shown_as_the_list_that_is_asked_for(content: str | bytes, declared: StepInput, advice: str) -> None:
    assert _advise_json(content, declared) == advice
