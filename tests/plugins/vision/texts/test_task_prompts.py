from __future__ import annotations

import pytest

from turnout.errors import InvalidInputError
from turnout_vision.texts.task_prompts import florence2_prompt


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<CAPTION>", "What does the image describe?"),
        ("<OCR_WITH_REGION>", "What is the text in the image, with regions?"),
        ("<CAPTION_TO_PHRASE_GROUNDING> a {green} car", "Locate the phrases in the caption: a {green} car"),
        ("what is this?", "what is this?"),
        ("", ""),
    ],
)
def test_a_task_is_replaced_by_the_words_of_its_training(text: str, words: str) -> None:
    assert florence2_prompt(text) == words


def test_a_task_that_takes_no_words_is_refused_with_some() -> None:
    with pytest.raises(InvalidInputError, match=r"'<OCR> of the sign': the task <OCR> takes no other words"):
        florence2_prompt("<OCR> of the sign")

    assert florence2_prompt("<OCR>") == "What is the text in the image?"
