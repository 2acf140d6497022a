"""Texts about a scene: captions, and questions with their answers."""

from __future__ import annotations

import numpy as np
from examples.training.scenes import Scene, SceneObject
from examples.training.shapes import COLORS, SHAPES

NUMBERS = ("one", "two", "three", "four", "five")
WORDS = (
    *("a", "an", "the", "is", "it", "are", "there", "what", "which", "how", "many", "of", "in", "this", "picture"),
    *("colour", "color", "shape", "shapes", "left", "right", "above", "below", "and", "yes", "no", "?", ".", ","),
    *COLORS,
    *SHAPES,
    *NUMBERS,
)

Exchange = tuple[str, str]


def name(item: SceneObject) -> str:
    """Return "a red circle"."""
    return f"{article(item.color)} {item.color} {item.shape}"


def article(word: str) -> str:
    """Return "an" before a vowel and "a" otherwise."""
    return "an" if word[0] in "aeiou" else "a"


def caption(scene: Scene) -> str:
    """Return the caption of a scene of one or two objects.

    Raises:
        ValueError: the scene has more objects.
    """
    if len(scene.objects) == 1:
        return name(scene.objects[0])
    if len(scene.objects) != 2:
        raise ValueError(f"a scene with {len(scene.objects)} objects has no caption; give one or two objects")
    height, width = scene.pixels.shape[:2]
    (x0, y0), (x1, y1) = (item.center for item in scene.objects)
    horizontal = abs(x0 - x1) / width > abs(y0 - y1) / height
    first, second = sorted(scene.objects, key=lambda item: item.center[0 if horizontal else 1])
    return f"{name(first)} {'left of' if horizontal else 'above'} {name(second)}"


def crop_question(rng: np.random.Generator, item: SceneObject) -> Exchange:
    """Return a question about the object of a crop, with its answer."""
    kind = rng.integers(4)
    if kind == 0:
        return f"what {_color_word(rng)} is it?", item.color
    if kind == 1:
        return "what shape is it?", item.shape
    if kind == 2:
        return "what is it?", name(item)
    noun, answer = _present_or_absent(rng, [item])
    return f"is it {noun}?", answer


def scene_question(rng: np.random.Generator, scene: Scene) -> Exchange:
    """Return a question about a whole scene, with its answer; the answer is unique."""
    kinds = rng.permutation(5)
    for kind in kinds:
        exchange = _scene_question(int(kind), rng, scene)
        if exchange:
            return exchange
    return _how_many(scene)


def _scene_question(kind: int, rng: np.random.Generator, scene: Scene) -> Exchange | None:
    if kind == 0:
        return _how_many(scene)
    if kind == 1:
        noun, answer = _present_or_absent(rng, list(scene.objects))
        return f"is there {noun}?", answer
    item = scene.objects[rng.integers(len(scene.objects))]
    if kind == 2 and sum(other.shape == item.shape for other in scene.objects) == 1:
        return f"what {_color_word(rng)} is the {item.shape}?", item.color
    if kind == 3 and sum(other.color == item.color for other in scene.objects) == 1:
        return f"what shape is {item.color}?", item.shape
    if kind == 4 and len(scene.objects) == 1:
        return crop_question(rng, item)
    return None


def _how_many(scene: Scene) -> Exchange:
    return "how many shapes are there?", NUMBERS[len(scene.objects) - 1]


def _present_or_absent(rng: np.random.Generator, items: list[SceneObject]) -> Exchange:
    """Return the name of an object and whether ``items`` contain it, "yes" and "no" equally often.

    An absent object often has the color or the shape of one in ``items``, so that both must be seen.
    """
    there = {(item.color, item.shape) for item in items}
    color, shape = sorted(there)[rng.integers(len(there))]
    if rng.random() < 0.5:
        return f"{article(color)} {color} {shape}", "yes"
    while (color, shape) in there:
        change = rng.integers(3)
        color = color if change == 0 else str(rng.choice(list(COLORS)))
        shape = shape if change == 1 else str(rng.choice(SHAPES))
    return f"{article(color)} {color} {shape}", "no"


def _color_word(rng: np.random.Generator) -> str:
    return "color" if rng.random() < 0.25 else "colour"
