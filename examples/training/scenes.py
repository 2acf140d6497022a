"""Drawn scenes of colored shapes with known boxes and masks; a seed always draws the same scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from examples.training.shapes import COLORS, SHAPES, Point, coverage
from numpy.typing import NDArray
from PIL import Image

Box = tuple[int, int, int, int]

RELATIVE_RADIUS = {1: (0.13, 0.32), 2: (0.12, 0.22), 3: (0.12, 0.19), 4: (0.11, 0.17), 5: (0.10, 0.15)}
BACKGROUND_DISTANCE = 95.0


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One shape: ``box`` is (left, top, right, bottom) in pixels, ``mask`` is bool [height, width]."""

    shape: str
    color: str
    box: Box
    mask: NDArray[np.bool_]

    @property
    def center(self) -> Point:
        """The middle of the box, in pixels."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, uint8 [height, width, 3], and the objects in it; no two objects touch."""

    pixels: NDArray[np.uint8]
    objects: tuple[SceneObject, ...]

    @property
    def picture(self) -> Image.Image:
        """The picture as a Pillow image, mode RGB."""
        return Image.fromarray(self.pixels)


def draw_scene(seed: int, *, count: int | None = None, size: tuple[int, int] | None = None) -> Scene:
    """Return the scene of ``seed`` with ``count`` objects and of ``size`` (width, height); by default both are random."""
    rng = np.random.default_rng(seed)
    drawn_size = tuple(int(v) for v in rng.integers(176, 353, 2))
    drawn_count = int(rng.integers(1, 5))
    width, height = size or _limit_aspect(*drawn_size)
    count = count or drawn_count
    chosen = [(str(rng.choice(SHAPES)), str(rng.choice(list(COLORS)))) for _ in range(count)]
    places = _places(rng, count, width, height)
    pixels = _background(rng, width, height, [color for _, color in chosen])
    objects = []
    for (shape, color), (center, radius) in zip(chosen, places, strict=True):
        alpha = coverage(shape, center, radius, float(rng.uniform(-18, 18)), (width, height))
        _blend(pixels, np.asarray(alpha), alpha.getbbox(), _shade(rng, color))
        objects.append(_scene_object(shape, color, np.asarray(alpha) >= 128))
    noise = rng.standard_normal(pixels.shape, np.float32) * np.float32(rng.uniform(0, 8))
    return Scene(np.clip(pixels + noise, 0, 255).astype(np.uint8), tuple(objects))


def _limit_aspect(width: int, height: int) -> tuple[int, int]:
    return max(width, int(height * 0.72)), max(height, int(width * 0.72))


def _places(rng: np.random.Generator, count: int, width: int, height: int) -> list[tuple[Point, float]]:
    """Return centers and radii of objects that do not touch; two objects also have a clear relation."""
    low, high = RELATIVE_RADIUS[count]
    while True:
        radii = [float(r) * min(width, height) for r in rng.uniform(low, high, count)]
        centers = [(float(rng.uniform(r + 3, width - r - 3)), float(rng.uniform(r + 3, height - r - 3))) for r in radii]
        if _is_apart(centers, radii) and (count != 2 or is_clear_relation(centers[0], centers[1], (width, height))):
            return list(zip(centers, radii, strict=True))


def _is_apart(centers: list[Point], radii: list[float]) -> bool:
    pairs = [(i, j) for i in range(len(radii)) for j in range(i)]
    return all(np.hypot(*np.subtract(centers[i], centers[j])) > radii[i] + radii[j] + 4 for i, j in pairs)


def is_clear_relation(one: Point, other: Point, size: tuple[int, int]) -> bool:
    """Return whether one point is clearly left of, or clearly above, the other, and not on a diagonal."""
    small, large = sorted((abs(one[0] - other[0]) / size[0], abs(one[1] - other[1]) / size[1]))
    return large > 1.5 * small


def _background(rng: np.random.Generator, width: int, height: int, colors: list[str]) -> NDArray[np.float32]:
    """Return one color or a gradient of two, far from the colors of the objects."""
    first, second = (_background_color(rng, colors) for _ in range(2))
    if rng.random() < 0.4:
        second = first
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.ogrid[0:height, 0:width]
    ramp = np.cos(angle) * (x / width) + np.sin(angle) * (y / height)
    ramp = ((ramp - ramp.min()) / (np.ptp(ramp) or 1.0))[..., None]
    return (first + (second - first) * ramp).astype(np.float32)


def _background_color(rng: np.random.Generator, colors: list[str]) -> NDArray[np.float64]:
    while True:
        gray = rng.uniform(15, 245)
        color = np.clip(gray + rng.uniform(-35, 35, 3), 0, 255)
        if all(np.linalg.norm(color - COLORS[name]) > BACKGROUND_DISTANCE for name in colors):
            return color


def _shade(rng: np.random.Generator, color: str) -> NDArray[np.float64]:
    return np.clip(np.array(COLORS[color], float) * rng.uniform(0.9, 1.06) + rng.uniform(-10, 10, 3), 0, 255)


def _blend(pixels: NDArray[np.float32], alpha: NDArray[np.uint8], box: Box, color: NDArray[np.float64]) -> None:
    left, top, right, bottom = box
    part = pixels[top:bottom, left:right]
    part += (color.astype(np.float32) - part) * (alpha[top:bottom, left:right, None] / np.float32(255))


def _scene_object(shape: str, color: str, mask: NDArray[np.bool_]) -> SceneObject:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return SceneObject(shape, color, box, mask)
