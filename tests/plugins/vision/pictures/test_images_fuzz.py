"""Mutated files: each is read, or refused with InvalidInputError, without a warning."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.hostile.picture_files import encode

from turnout.errors import InvalidInputError
from turnout_vision.pictures.images import read_picture

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


GOOD = {name: encode(format, (40, 30), mode, **options) for name, (format, mode, options) in KINDS.items()}


def read_or_refuse(data: bytes) -> None:
    start = time.process_time()
    # Any other error fails the test.
    with suppress(InvalidInputError):
        assert read_picture(data).shape[2] == 3
    assert time.process_time() - start < 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_anywhere_is_read_or_refused(kind: str) -> None:
    good = GOOD[kind]

    for length in [*range(min(len(good), 400)), *range(400, len(good), 37)]:
        read_or_refuse(good[:length])


@given(kind=st.sampled_from(sorted(KINDS)), data=st.data())
@settings(max_examples=400, deadline=None)
def test_a_file_with_other_bytes_anywhere_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    changed = bytearray(GOOD[kind])
    # The structure is near the start: half of the changes are there.
    places = st.one_of(st.integers(0, 120), st.integers(0, len(changed) - 1))
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=5)):
        changed[min(place, len(changed) - 1)] = byte

    read_or_refuse(bytes(changed))
