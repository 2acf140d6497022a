"""The held-out set, from seeds that no training uses, and scores of models on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from examples.training import language, seeds
from examples.training.scenes import Box, draw_scene
from numpy.typing import NDArray
from PIL import Image

BARS = {"crops": 0.99, "scenes": 0.95, "questions": 0.95, "masks": 0.95}

Captions = Callable[[Image.Image, Box | None], str]
Answers = Callable[[Image.Image, Box | None, str], str]
Masks = Callable[[Image.Image, Box], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class TextCase:
    """A picture, the box (None for the whole picture), the question ("" for captions) and the correct text."""

    picture: Image.Image
    box: Box | None
    question: str
    expected: str


@dataclass(frozen=True, slots=True)
class MaskCase:
    """A picture, the box of one object and its true mask, bool [height, width]."""

    picture: Image.Image
    box: Box
    expected: NDArray[np.bool_]


@cache
def crop_cases(count: int = 200) -> tuple[TextCase, ...]:
    """Return the crop of one object, with its name, from each of ``count`` scenes of one to four objects."""
    cases = []
    for seed in seeds.HELD_OUT[:count]:
        scene = draw_scene(seed)
        item = scene.objects[seed % len(scene.objects)]
        cases.append(TextCase(scene.picture, item.box, "", language.name(item)))
    return tuple(cases)


@cache
def scene_cases(count: int = 200) -> tuple[TextCase, ...]:
    """Return ``count`` whole scenes, alternately of one and two objects, with their captions."""
    scenes = [draw_scene(seed, count=1 + seed % 2) for seed in seeds.HELD_OUT[10_000 : 10_000 + count]]
    return tuple(TextCase(scene.picture, None, "", language.caption(scene)) for scene in scenes)


@cache
def question_cases(count: int = 300) -> tuple[TextCase, ...]:
    """Return ``count`` questions: every third about a crop, the others about whole scenes."""
    cases = []
    for seed in seeds.HELD_OUT[20_000 : 20_000 + count]:
        scene, rng = draw_scene(seed), np.random.default_rng([seed, 2])
        item = scene.objects[rng.integers(len(scene.objects))]
        box = item.box if seed % 3 == 0 else None
        exchange = language.crop_question(rng, item) if box else language.scene_question(rng, scene)
        cases.append(TextCase(scene.picture, box, *exchange))
    return tuple(cases)


@cache
def mask_cases(count: int = 150) -> tuple[MaskCase, ...]:
    """Return one object, with its mask, from each of ``count`` scenes of one to four objects."""
    cases = []
    for seed in seeds.HELD_OUT[30_000 : 30_000 + count]:
        scene = draw_scene(seed)
        item = scene.objects[seed % len(scene.objects)]
        cases.append(MaskCase(scene.picture, item.box, item.mask))
    return tuple(cases)


def caption_score(cases: tuple[TextCase, ...], caption: Captions) -> float:
    """Return the fraction of captions that match exactly."""
    return float(np.mean([caption(case.picture, case.box) == case.expected for case in cases]))


def answer_score(cases: tuple[TextCase, ...], answer: Answers) -> float:
    """Return the fraction of answers that match exactly."""
    return float(np.mean([answer(case.picture, case.box, case.question) == case.expected for case in cases]))


def mask_score(cases: tuple[MaskCase, ...], segment: Masks) -> float:
    """Return the mean intersection over union of the masks of whole pictures."""
    return float(np.mean([iou(segment(case.picture, case.box), case.expected) for case in cases]))


def iou(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Return the intersection over union of two masks."""
    return float((found & true).sum() / max(1, (found | true).sum()))
