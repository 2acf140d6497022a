"""The words that Florence-2 was trained with for each task, which its processor writes in the place of the task's token."""

from __future__ import annotations

from collections.abc import Mapping

from turnout.errors import InvalidInputError
from turnout_vision.brief_text import brief

# From Florence2Processor of transformers 5.23.
_ALONE: Mapping[str, str] = {
    "<OCR>": "What is the text in the image?",
    "<OCR_WITH_REGION>": "What is the text in the image, with regions?",
    "<CAPTION>": "What does the image describe?",
    "<DETAILED_CAPTION>": "Describe in detail what is shown in the image.",
    "<MORE_DETAILED_CAPTION>": "Describe with a paragraph what is shown in the image.",
    "<OD>": "Locate the objects with category name in the image.",
    "<DENSE_REGION_CAPTION>": "Locate the objects in the image, with their descriptions.",
    "<REGION_PROPOSAL>": "Locate the region proposals in the image.",
}
_WITH_WORDS: Mapping[str, str] = {
    "<CAPTION_TO_PHRASE_GROUNDING>": "Locate the phrases in the caption: {input}",
    "<REFERRING_EXPRESSION_SEGMENTATION>": "Locate {input} in the image with mask",
    "<REGION_TO_SEGMENTATION>": "What is the polygon mask of region {input}",
    "<OPEN_VOCABULARY_DETECTION>": "Locate {input} in the image.",
    "<REGION_TO_CATEGORY>": "What is the region {input}?",
    "<REGION_TO_DESCRIPTION>": "What does the region {input} describe?",
    "<REGION_TO_OCR>": "What text is in the region {input}?",
}


def florence2_prompt(text: str) -> str:
    """Return ``text`` with the words of its task, such as ``<CAPTION>``; a text without a task is returned as it is.

    Raises:
        InvalidInputError: a task that takes no words has some.
    """
    for task, words in _ALONE.items():
        if task in text:
            if text.strip() != task:
                raise InvalidInputError(f"prompt {brief(text)}: the task {task} takes no other words; send it alone")
            return words
    for task, words in _WITH_WORDS.items():
        if task in text:
            # Not str.format: the words may contain braces.
            return words.replace("{input}", text.replace(task, "").strip())
    return text
