"""The pipelines for a model of a task, by step: data for ``turnout adopt``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MODEL = {"model": "{model}"}


def _after_loading(step: str, **options: Any) -> Sequence[Any]:
    return ["load_image", {step: {**_MODEL, **options}}]


_TEXTS = ["a person", "an animal", "a building", "a landscape"]
_MATCHING = ["load_image", {"embed": {"model": "{picture}"}}, {"match_text": {"model": "{text}", "texts": _TEXTS}}]

TASK_PIPELINES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "answer": {"visual-question-answering": _after_loading("answer", on="picture", question="what is in the picture?")},
    "caption": {"image-to-text": _after_loading("caption", on="picture")},
    "classify": {"image-classification": _after_loading("classify")},
    "detect": {"object-detection": _after_loading("detect")},
    "embed": {
        "image-feature-extraction": _after_loading("embed"),
        "zero-shot-image-classification": _after_loading("embed"),
    },
    "estimate_depth": {"depth-estimation": _after_loading("estimate_depth")},
    "match_text": {"zero-shot-image-classification": _MATCHING},
    "segment": {
        "semantic-segmentation": _after_loading("segment"),
        "universal-segmentation": _after_loading("segment"),
    },
    "segment_regions": {"image-segmentation": _after_loading("segment_regions")},
}
"""The steps of a pipeline by the name of its last step and by task, in the hub's words."""
