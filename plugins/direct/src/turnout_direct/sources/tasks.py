"""The task of a model class of transformers, and the outputs that the task needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """A task.

    Attributes:
        name: its name, as the hub writes it.
        outputs: the outputs of ``forward`` that it needs; empty for all of them.
    """

    name: str
    outputs: tuple[str, ...] = ()


_BY_ENDING: Mapping[str, Task] = {
    "ForImageClassificationWithTeacher": Task("image-classification", ("logits",)),
    "ForImageClassification": Task("image-classification", ("logits",)),
    "ForObjectDetection": Task("object-detection", ("logits", "pred_boxes")),
    "ForSemanticSegmentation": Task("semantic-segmentation", ("logits",)),
    "ForUniversalSegmentation": Task("universal-segmentation", ("class_queries_logits", "masks_queries_logits")),
    "ForInstanceSegmentation": Task("universal-segmentation", ("class_queries_logits", "masks_queries_logits")),
    "ForDepthEstimation": Task("depth-estimation", ("predicted_depth",)),
    "ForImageSegmentation": Task("image-segmentation"),
    "ForQuestionAnswering": Task("question-answering"),
    "ForSequenceClassification": Task("text-classification", ("logits",)),
    "VisionModelWithProjection": Task("image-feature-extraction", ("image_embeds",)),
    "VisionModel": Task("image-feature-extraction", ("pooler_output",)),
    "TextModelWithProjection": Task("text-feature-extraction", ("text_embeds",)),
    "TextModel": Task("text-feature-extraction", ("pooler_output",)),
    "Backbone": Task("backbone"),
}
_GENERATING = ("ForConditionalGeneration", "VisionEncoderDecoderModel")
_ANSWERING = ("BlipForQuestionAnswering", "InstructBlipForConditionalGeneration")


def task_of(kind: str, *, generates: bool, has_pictures: bool, asks: bool = False) -> Task:
    """Return the task of the class ``kind``; one without a name if it is not known.

    With ``asks``, the image processor writes a question into the picture.
    """
    if generates and (asks or kind in _ANSWERING):
        return Task("visual-question-answering")
    if generates:
        return Task("image-to-text" if has_pictures else "text-generation")
    for ending, task in _BY_ENDING.items():
        if kind.endswith(ending):
            return task
    if kind.endswith("Model"):
        return Task("image-feature-extraction" if has_pictures else "feature-extraction")
    return Task("")


def is_generating(kind: str) -> bool:
    """Return whether models of the class ``kind`` are made to write texts."""
    return kind.endswith(_GENERATING) or kind in _ANSWERING
