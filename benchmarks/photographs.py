"""Photographs for benchmarks, made of those that scikit-image brings: enlarged and cut to one size, saved as JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageOps

SIZE = (1920, 1080)
SOURCES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "hubble_deep_field.jpg")
QUALITY = 90
NOISE = 3.0


def photograph(source: str, number: int = 0, size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a photograph; another ``number`` gives another part of the same source, mirrored or not."""
    random = np.random.default_rng(number)
    with Image.open(Path(skimage.__file__).parent / "data" / source) as file:
        image = file.convert("RGB")
    if number % 2:
        image = ImageOps.mirror(image)
    share = random.uniform(0.8, 1.0) if number else 1.0
    left, top = (int(random.uniform(0, 1 - share) * side) for side in image.size)
    image = image.crop((left, top, left + int(share * image.width), top + int(share * image.height)))
    pixels = np.asarray(ImageOps.fit(image, size, Image.Resampling.BICUBIC), np.float32)
    # An enlarged photograph is smoother than a camera's, and decoded faster: with a sensor's noise it has a photograph's bytes.
    noisy = pixels + random.normal(0, NOISE, pixels.shape).astype(np.float32)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def save_photographs(folder: Path, count: int, size: tuple[int, int] = SIZE) -> list[Path]:
    """Write ``count`` photographs to ``folder``; return their paths, sorted."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}-{Path(SOURCES[number % len(SOURCES)]).stem}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        photograph(SOURCES[number % len(SOURCES)], number, size).save(path, "JPEG", quality=QUALITY)
    return paths
