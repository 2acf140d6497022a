"""The pool: training pictures, drawn once into shards that the three trainings share.

python -m examples.training.pool --out POOL --shards 24
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from examples.training import crops, language, seeds
from examples.training.scenes import Box, Scene, SceneObject, draw_scene
from examples.training.shapes import COLORS, SHAPES
from numpy.typing import NDArray
from PIL import Image

SHARD = 1000
PATCHES = 12
COUNTS = (1, 1, 2, 2, 2, 2, 3, 3, 4, 4)
CLASSES = {pair: code for code, pair in enumerate(product(COLORS, SHAPES), start=1)}
UNSURE = -100


def patch_labels(masks: list[NDArray[np.bool_]], items: list[SceneObject], box: Box) -> NDArray[np.int8]:
    """Return the label of each of the 12 x 12 patches of a crop: 0 for the background, a class, or ``UNSURE``."""
    left, top, right, bottom = box
    shares = [np.zeros((PATCHES, PATCHES), np.float32)]
    for mask in masks:
        part = Image.fromarray(mask[top:bottom, left:right].astype(np.float32))
        shares.append(np.asarray(part.resize((PATCHES, PATCHES), Image.Resampling.BOX)))
    codes = np.array([0] + [CLASSES[item.color, item.shape] for item in items])
    stack = np.stack(shares)
    best = stack.max(axis=0)
    labels = codes[stack.argmax(axis=0)]
    return np.where(best > 0.35, labels, np.where(best > 0.1, UNSURE, 0)).astype(np.int8)


def record(seed: int) -> dict[str, object]:
    """Return the pictures, labels and sentences of one scene and of one object in it."""
    rng = np.random.default_rng([seed, 1])
    scene = draw_scene(seed, count=int(rng.choice(COUNTS)))
    size = scene.picture.size
    item = scene.objects[rng.integers(len(scene.objects))]
    box = _jitter(rng, item.box, size)
    part = scene.picture.crop(box)
    masks, items = [other.mask for other in scene.objects], list(scene.objects)
    target = Image.fromarray(item.mask).crop(box).convert("L").resize((crops.MASK_SIZE,) * 2, Image.Resampling.BILINEAR)
    return {
        "scene": crops.resize_for_captions(scene.picture),
        "scene_patches": patch_labels(masks, items, (0, 0, *size)),
        "crop": crops.resize_for_captions(part),
        "crop_patches": patch_labels(masks, items, box),
        "mask_crop": crops.resize_for_masks(part),
        "mask": np.asarray(target),
        "text": json.dumps(
            {
                "captions": _captions(scene),
                "name": language.name(item),
                "scene_questions": [language.scene_question(rng, scene) for _ in range(12)],
                "crop_questions": [language.crop_question(rng, item) for _ in range(6)],
            }
        ),
    }


def _captions(scene: Scene) -> list[str]:
    """Return the caption and that of the mirrored picture; empty for more than two objects."""
    if len(scene.objects) > 2:
        return []
    width = scene.pixels.shape[1]
    mirrored = tuple(replace(item, box=_mirror(item.box, width)) for item in scene.objects)
    return [language.caption(scene), language.caption(replace(scene, objects=mirrored))]


def _mirror(box: Box, width: int) -> Box:
    return width - box[2], box[1], width - box[0], box[3]


def _jitter(rng: np.random.Generator, box: Box, size: tuple[int, int]) -> Box:
    """Return the box with its margin; half of them are moved a little at random."""
    left, top, right, bottom = crops.add_margin(box, size)
    if rng.random() < 0.5:
        return left, top, right, bottom
    reach = 0.06 * max(right - left, bottom - top)
    dl, dt, dr, db = (int(v) for v in rng.uniform(-reach, reach, 4))
    return max(0, left + dl), max(0, top + dt), min(size[0], right + dr), min(size[1], bottom + db)


def write_shard(path: Path, number: int) -> None:
    """Draw the scenes of one shard and save them."""
    first = seeds.TRAINING[number * SHARD]
    records = [record(seed) for seed in range(first, first + SHARD)]
    texts = [entry.pop("text") for entry in records]
    arrays = {key: np.stack([entry[key] for entry in records]) for key in records[0]}
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, texts=np.array(texts), **arrays)
    unfinished.rename(path)


def load(folder: Path, keys: tuple[str, ...], known: int = 0) -> dict[str, NDArray]:
    """Return the arrays of all shards, or an empty dict if there are not more than ``known``."""
    paths = sorted(folder.glob("shard_[0-9][0-9][0-9].npz"))
    if len(paths) <= known:
        return {}
    shards = [np.load(path) for path in paths]
    return {key: np.concatenate([shard[key] for shard in shards]) for key in keys} | {"shards": np.array(len(paths))}


def main() -> None:
    """Draw the shards that do not exist yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=24)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.shards):
        path = arguments.out / f"shard_{number:03d}.npz"
        started = time.monotonic()
        if not path.exists():
            write_shard(path, number)
        print(f"{path.name} {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
