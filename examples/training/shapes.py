"""Shapes: their outlines and colors."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

SHAPES = ("circle", "square", "triangle", "star")
COLORS = {
    "red": (215, 40, 40),
    "green": (40, 160, 60),
    "blue": (45, 85, 220),
    "yellow": (240, 215, 40),
    "purple": (140, 50, 170),
    "orange": (245, 135, 30),
}
OVERSAMPLING = 4

Point = tuple[float, float]


def outline(shape: str, radius: float, degrees: float) -> list[Point]:
    """Return the corners of a polygon around the origin, rotated by ``degrees``."""
    turn = math.radians(degrees)
    if shape == "square":
        return _on_circle([radius] * 4, turn + math.pi / 4)
    if shape == "triangle":
        return _on_circle([radius] * 3, turn - math.pi / 2)
    if shape == "star":
        return _on_circle([radius, radius * 0.45] * 5, turn - math.pi / 2)
    raise ValueError(f"unknown polygon {shape!r}; known: square, triangle, star")


def coverage(shape: str, center: Point, radius: float, degrees: float, size: tuple[int, int]) -> Image.Image:
    """Return the coverage of each pixel by the shape: mode L, anti-aliased, of ``size`` (width, height)."""
    left, top = (int(c - radius) - 2 for c in center)
    side = int(2 * radius) + 6
    patch = Image.new("L", (side * OVERSAMPLING, side * OVERSAMPLING))
    _paint(patch, shape, (center[0] - left, center[1] - top), radius, degrees)
    picture = Image.new("L", size)
    picture.paste(patch.resize((side, side), Image.Resampling.BOX), (left, top))
    return picture


def _paint(patch: Image.Image, shape: str, center: Point, radius: float, degrees: float) -> None:
    draw = ImageDraw.Draw(patch)
    x, y = (c * OVERSAMPLING for c in center)
    radius *= OVERSAMPLING
    if shape == "circle":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        return
    draw.polygon([(x + dx, y + dy) for dx, dy in outline(shape, radius, degrees)], fill=255)


def _on_circle(radii: list[float], start: float) -> list[Point]:
    step = 2 * math.pi / len(radii)
    return [(r * math.cos(start + i * step), r * math.sin(start + i * step)) for i, r in enumerate(radii)]
