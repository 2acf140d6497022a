"""Mutated files: each is read, or refused with InvalidInputError, without a warning."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from turnout.errors import InvalidInputError
from turnout_vision.images import read_picture

MUTATIONS = 300
KINDS = {
    "JPEG": ("JPEG", "RGB", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"}),
    "JPEG of CMYK": ("JPEG", "CMYK", {"progressive": True}),
    "PNG": ("PNG", "RGBA", {}),
    "PNG with a palette": ("PNG", "P", {"transparency": 3}),
    "WEBP": ("WEBP", "RGBA", {}),
    "animated WEBP": ("WEBP", "RGB", {"save_all": True, "append_images": [Image.new("RGB", (40, 30))]}),
    "BMP": ("BMP", "P", {}),
    "GIF": ("GIF", "P", {"save_all": True, "append_images": [Image.new("P", (40, 30), 5)]}),
    "TIFF": ("TIFF", "RGB", {}),
    "TIFF of LZW": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "TIFF of deflate": ("TIFF", "L", {"compression": "tiff_adobe_deflate"}),
}


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return ``data`` with some bytes changed, removed, repeated or truncated, mostly near the start."""
    changed = bytearray(data)
    for _ in range(chance.randint(0, 6)):
        place = min(int(chance.expovariate(4 / len(changed))), len(changed) - 1) if changed else 0
        length = chance.randint(1, 8)
        kind = chance.randrange(6)
        if kind <= 2:
            changed[place : place + 1] = bytes([chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))])
        elif kind == 3:
            del changed[place : place + length]
        elif kind == 4:
            changed[place:place] = changed[place : place + length]
        else:
            del changed[max(8, place) :]
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutated_file_is_read_or_refused(encoded: Callable[..., bytes], kind: str) -> None:
    format, mode, options = KINDS[kind]
    pixels = np.random.default_rng(5).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(pixels).convert(mode), format, **options)
    chance, outcomes = random.Random(kind), []

    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        for _ in range(MUTATIONS):
            try:
                picture = read_picture(mutate(data, chance))
                assert picture.dtype == np.uint8
                assert picture.ndim == 3
                assert picture.shape[2] == 3
                outcomes.append("read")
            except InvalidInputError:
                outcomes.append("refused")

    assert not leaked
    # A loop that refuses every file, or none, would prove nothing.
    assert {"read", "refused"} <= set(outcomes)
