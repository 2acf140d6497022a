"""What is said about a scene: captions, and questions with their answers."""

from __future__ import annotations

import numpy as np
from examples.training.scenes import Scene, SceneObject
from examples.training.shapes import COLOURS, SHAPES

NUMBERS = ("one", "two", "three", "four", "five")
WORDS = (
    *("a", "an", "the", "is", "it", "are", "there", "what", "which", "how", "many", "of", "in", "this", "picture"),
    *("colour", "color", "shape", "shapes", "left", "right", "above", "below", "and", "yes", "no", "?", ".", ","),
    *COLOURS,
    *SHAPES,
    *NUMBERS,
)

Exchange = tuple[str, str]


def name(item: SceneObject) -> str:
    """Return "a red circle"."""
    return f"{article(item.colour)} {item.colour} {item.shape}"


def article(word: str) -> str:
    """Return "an" before a vowel and "a" otherwise."""
    return "an" if word[0] in "aeiou" else "a"


def caption(scene: Scene) -> str:
    """Return the caption of a scene of one or two objects.

    Raises:
        ValueError: If the scene has more objects.
    """
    if len(scene.objects) == 1:
        return name(scene.objects[0])
    if len(scene.objects) != 2:
        raise ValueError(f"a scene with {len(scene.objects)} objects has no caption; only one or two have")
    height, width = scene.pixels.shape[:2]
    (x0, y0), (x1, y1) = (item.centre for item in scene.objects)
    beside = abs(x0 - x1) / width > abs(y0 - y1) / height
    first, second = sorted(scene.objects, key=lambda item: item.centre[0 if beside else 1])
    return f"{name(first)} {'left of' if beside else 'above'} {name(second)}"


def crop_question(rng: np.random.Generator, item: SceneObject) -> Exchange:
    """Return a question about the object a crop was made for."""
    kind = rng.integers(4)
    if kind == 0:
        return f"what {_colour_word(rng)} is it?", item.colour
    if kind == 1:
        return "what shape is it?", item.shape
    if kind == 2:
        return "what is it?", name(item)
    asked, answer = _maybe(rng, [item])
    return f"is it {asked}?", answer


def scene_question(rng: np.random.Generator, scene: Scene) -> Exchange:
    """Return a question about a whole scene, one that has one answer."""
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
        asked, answer = _maybe(rng, list(scene.objects))
        return f"is there {asked}?", answer
    item = scene.objects[rng.integers(len(scene.objects))]
    if kind == 2 and sum(other.shape == item.shape for other in scene.objects) == 1:
        return f"what {_colour_word(rng)} is the {item.shape}?", item.colour
    if kind == 3 and sum(other.colour == item.colour for other in scene.objects) == 1:
        return f"what shape is {item.colour}?", item.shape
    if kind == 4 and len(scene.objects) == 1:
        return crop_question(rng, item)
    return None


def _how_many(scene: Scene) -> Exchange:
    return "how many shapes are there?", NUMBERS[len(scene.objects) - 1]


def _maybe(rng: np.random.Generator, items: list[SceneObject]) -> Exchange:
    """Return a thing to ask for and whether it is there, yes and no equally often; half the wrong ones are close."""
    there = {(item.colour, item.shape) for item in items}
    colour, shape = sorted(there)[rng.integers(len(there))]
    if rng.random() < 0.5:
        return f"{article(colour)} {colour} {shape}", "yes"
    while (colour, shape) in there:
        change = rng.integers(3)
        colour = colour if change == 0 else str(rng.choice(list(COLOURS)))
        shape = shape if change == 1 else str(rng.choice(SHAPES))
    return f"{article(colour)} {colour} {shape}", "no"


def _colour_word(rng: np.random.Generator) -> str:
    return "color" if rng.random() < 0.25 else "colour"
