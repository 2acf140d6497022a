"""The pipelines for a model of a task, by step: data for ``turnout adopt``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MODEL = {"model": "{model}"}


def _after_loading(step: str, **options: Any) -> Sequence[Any]:
    return ["load_image", {step: {**_MODEL, **options}}]


def _of_pictures(step: str) -> Sequence[Any]:
    """Return the pipeline of a step whose model has one input, the picture."""
    return _after_loading(step, input="{input}")


_TEXTS = ["a person", "an animal", "a building", "a landscape"]
_MATCHING = ["load_image", {"embed": {"model": "{picture}"}}, {"match_text": {"model": "{text}", "texts": _TEXTS}}]

TASK_PIPELINES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "answer": {"visual-question-answering": _after_loading("answer", on="picture", question="what is in the picture?")},
    "caption": {"image-to-text": _after_loading("caption", on="picture")},
    "classify": {"image-classification": _of_pictures("classify")},
    "detect": {"object-detection": _of_pictures("detect")},
    "embed": {
        "image-feature-extraction": _of_pictures("embed"),
        "zero-shot-image-classification": _of_pictures("embed"),
    },
    "estimate_depth": {"depth-estimation": _of_pictures("estimate_depth")},
    "match_text": {"zero-shot-image-classification": _MATCHING},
    "segment": {
        "semantic-segmentation": _of_pictures("segment"),
        "universal-segmentation": _of_pictures("segment"),
    },
    "segment_regions": {"image-segmentation": _of_pictures("segment_regions")},
}
"""The steps of a pipeline by the name of its last step and by task, in the hub's words."""
