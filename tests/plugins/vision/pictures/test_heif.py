from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from turnout.errors import InvalidInputError
from turnout_vision.pictures.file_signatures import is_heif
from turnout_vision.pictures.images import read_picture

# The header of an iPhone's file.
START = b"\x00\x00\x00\x24ftypheic\x00\x00\x00\x00mif1heic"


def heic(image: Image.Image, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90, **options)
    return file.getvalue()


def halves() -> Image.Image:
    """Return a picture, 64 wide and 40 high, red on the left and blue on the right."""
    pixels = np.zeros((40, 64, 3), np.uint8)
    pixels[:, :32], pixels[:, 32:] = (220, 20, 30), (20, 40, 210)
    return Image.fromarray(pixels)


def test_reads_heic_as_pillow_heif_does(tmp_path: Path) -> None:
    data = heic(halves())
    (tmp_path / "IMG_0001.HEIC").write_bytes(data)

    picture = read_picture(tmp_path / "IMG_0001.HEIC")

    assert is_heif(data)
    assert np.abs(picture.astype(int) - np.asarray(halves())).max() < 40
    np.testing.assert_array_equal(picture, read_picture(data))


def test_a_rotated_heic_is_upright(encoded: Callable[..., bytes]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    from_heic = read_picture(heic(halves(), exif=exif.tobytes()))
    from_jpeg = read_picture(encoded(halves(), "JPEG", exif=exif, quality=95))

    assert from_heic.shape == from_jpeg.shape == (64, 40, 3)
    assert np.abs(from_heic.astype(int) - from_jpeg).max() < 60


def test_the_app_of_the_caller_is_unchanged() -> None:
    data = heic(halves())
    read_picture(data)

    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(data))


def test_the_size_of_a_heic_is_checked_before_it_is_decoded() -> None:
    with pytest.raises(InvalidInputError, match="2560 pixels; the limit is 100"):
        read_picture(heic(halves()), max_pixels=100)


def test_a_broken_heic_is_reported(tmp_path: Path) -> None:
    (tmp_path / "half.heic").write_bytes(heic(halves())[:300])

    with pytest.raises(InvalidInputError, match=r"half\.heic' is broken: .*; save it again"):
        read_picture(tmp_path / "half.heic")


def test_without_pillow_heif_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)

    with pytest.raises(InvalidInputError, match=r"is a HEIC picture; .* pip install pillow-heif"):
        read_picture(START)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow does not read AVIF")
def test_reads_avif_upright(encoded: Callable[..., bytes]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8

    picture = read_picture(encoded(halves(), "AVIF", exif=exif, quality=95))

    assert picture.shape == (64, 40, 3)
    assert np.abs(picture[0, 0].astype(int) - (20, 40, 210)).max() < 40


def test_a_pillow_without_avif_is_to_be_upgraded(encoded: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)

    with pytest.raises(InvalidInputError, match=r"is an AVIF picture; .* pip install --upgrade Pillow"):
        read_picture(b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1")
