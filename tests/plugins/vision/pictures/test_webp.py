from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.hostile.picture_files import animation, encode, plain, riff_chunk, webp, webp_frame, webp_header, webp_pixels

import turnout_vision.pictures.images
from turnout.errors import InvalidInputError
from turnout_vision.pictures.images import read_picture
from turnout_vision.pictures.webp import decode_webp

OPTIONS = [{}, {"lossless": True}, {"quality": 30, "alpha_quality": 50}, {"lossless": True, "exact": True}]
SIZES = [(64, 48), (61, 47), (1, 1), (333, 7), (16_383, 2)]


def noise(size: tuple[int, int], mode: str, **options: object) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "WEBP", **options)
    return file.getvalue()


def on_canvas(still: bytes, size: tuple[int, int]) -> bytes:
    pixels = still[30:] if still[12:16] == b"VP8X" else still[12:]
    return animation(size[0] + 10, size[1] + 8, webp_frame(*size, pixels, left=4, top=6))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_pixels_are_those_of_pillow_in_every_bit(mode, options, size) -> None:
    still = noise(size, mode, **options)
    animated = [on_canvas(still, size)] if size[0] < 16_000 else []

    for data in (still, *animated):
        with Image.open(io.BytesIO(data)) as image:
            np.testing.assert_array_equal(decode_webp(image, io.BytesIO(data)), np.asarray(image))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pillow_that_hides_its_libwebp_gives_the_same_picture(monkeypatch, orientation, mode) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = noise((40, 30), mode, exif=exif.tobytes())
    ours = read_picture(data)

    monkeypatch.setattr(turnout_vision.pictures.images, "decode_webp", lambda image, file: None)

    np.testing.assert_array_equal(ours, read_picture(data))
    assert ours.shape[:2] == ((40, 30) if orientation > 4 else (30, 40))


@pytest.mark.parametrize(
    "data",
    [
        encode("WEBP", lossless=True)[:1000],
        webp(webp_header(64, 48, 2), riff_chunk(b"ANIM", bytes(6))),
        animation(64, 48, webp_frame(64, 48, b"")),
        animation(64, 48, webp_frame(64, 48, webp_pixels(64, 48)), webp_frame(1, 1, b"x")),
        animation(40, 30, webp_frame(32, 24, webp_pixels(64, 48))),
        animation(64, 48, webp_frame(64, 48, webp_pixels(64, 48), left=32)),
        animation(64, 48, webp_frame(64, 48, webp_pixels(64, 48), left=2**24, top=2**24)),
        webp(webp_header(2000, 2000), webp_pixels(64, 48)),
        webp(webp_header(10, 10), webp_pixels(64, 48)),
        webp(webp_header(64, 48, 2), riff_chunk(b"ANIM", bytes(6)), webp_frame(64, 48, webp_pixels(64, 48)[:-900])),
        encode("WEBP")[:-700],
    ],
    ids=range(11),
)
def test_a_broken_file_is_refused_and_writes_nowhere_else(data) -> None:
    with pytest.raises(InvalidInputError, match=r"is broken|broken header"):
        read_picture(data)


def test_a_large_picture_of_few_bytes_is_read() -> None:
    data = plain("WEBP", (5000, 5000), lossless=True)

    assert len(data) < 2000
    assert (read_picture(data) == np.array([200, 30, 40], np.uint8)).all()
