from __future__ import annotations

import errno
import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from turnout.errors import InvalidInputError
from turnout_vision.pictures.images import read_picture

Encoded = Callable[..., bytes]
LOSSLESS = {"PNG": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}}


def corners() -> NDArray[np.uint8]:
    """Return a picture, 48 wide and 32 high, with four different corners."""
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:16, :16] = (255, 0, 0)
    picture[:16, 32:] = (0, 255, 0)
    picture[16:, :16] = (0, 0, 255)
    return picture


def png(width: int, height: int, depth: int, color: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG that Pillow cannot write."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


@pytest.mark.parametrize("format", LOSSLESS)
def test_reads_the_pixels_of_a_lossless_file(encoded: Encoded, format: str) -> None:
    data = encoded(Image.fromarray(corners()), format, **LOSSLESS[format])

    picture = read_picture(data)

    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, corners())


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_reads_a_path_bytes_a_file_and_a_pillow_image_alike(encoded: Encoded, tmp_path: Path, format: str) -> None:
    data = encoded(Image.fromarray(corners()), format)
    path = tmp_path / "picture"
    path.write_bytes(data)

    pictures = [read_picture(source) for source in (path, str(path), data, bytearray(data), memoryview(data))]
    with path.open("rb") as file, Image.open(path) as image:
        pictures += [read_picture(file), read_picture(image)]

    for picture in pictures:
        np.testing.assert_array_equal(picture, pictures[0])


def test_reads_a_file_object_that_cannot_seek(encoded: Encoded) -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    picture = read_picture(Stream(encoded(Image.fromarray(corners()), "PNG")))

    np.testing.assert_array_equal(picture, corners())


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_a_picture_upright(encoded: Encoded, format: str, orientation: int) -> None:
    stored_as = {
        2: "FLIP_LEFT_RIGHT",
        3: "ROTATE_180",
        4: "FLIP_TOP_BOTTOM",
        5: "TRANSPOSE",
        6: "ROTATE_90",
        7: "TRANSVERSE",
        8: "ROTATE_270",
    }
    image = Image.fromarray(corners())
    if orientation in stored_as:
        image = image.transpose(Image.Transpose[stored_as[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation

    picture = read_picture(
        encoded(image, format, exif=exif, **({"quality": 95, "subsampling": 0} if format == "JPEG" else LOSSLESS[format]))
    )

    assert picture.shape == (32, 48, 3)
    assert np.abs(picture.astype(int) - corners()).mean() < (3 if format == "JPEG" else 1e-9)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_unknown_orientation_is_ignored(encoded: Encoded, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    picture = read_picture(encoded(Image.fromarray(corners()), "PNG", exif=exif))

    np.testing.assert_array_equal(picture, corners())


@pytest.mark.parametrize(
    "exif", [b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", b"garbage, not TIFF", b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x09"]
)
def test_reads_a_picture_whose_exif_is_broken(encoded: Encoded, exif: bytes) -> None:
    data = encoded(Image.fromarray(corners()), "PNG", exif=exif)

    np.testing.assert_array_equal(read_picture(data), corners())


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa", "La"])
def test_transparent_pixels_become_white_or_the_given_color(mode: str) -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    image = image.convert("LA").convert(mode) if mode in ("LA", "La") else image.convert(mode)

    on_white, on_blue = read_picture(image), read_picture(image, background=(0, 0, 255))

    assert on_white[0].tolist() == [[255, 255, 255], [0, 0, 0]]
    assert on_blue[0].tolist() == [[0, 0, 255], [0, 0, 0]]


def test_half_transparent_pixels_are_mixed(encoded: Encoded) -> None:
    data = encoded(Image.new("RGBA", (1, 1), (200, 100, 0, 128)), "PNG")

    assert np.abs(read_picture(data)[0, 0].astype(int) - (227, 177, 127)).max() <= 1


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_transparent_color_of_a_palette_becomes_the_background(encoded: Encoded, format: str) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)

    picture = read_picture(encoded(image, format, transparency=0), background=(9, 8, 7))

    assert picture[0].tolist() == [[9, 8, 7], [200, 100, 50]]


def test_a_palette_with_alpha_per_color_is_mixed_with_the_background(encoded: Encoded) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.putpixel((1, 0), 1)

    picture = read_picture(encoded(image, "PNG", transparency=bytes([128, 255])))

    assert picture[0].tolist() == [[127, 127, 127], [200, 100, 50]]


def test_an_rgb_file_with_a_transparent_color_shows_the_background(encoded: Encoded) -> None:
    data = encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG", transparency=(1, 2, 3))

    assert read_picture(data)[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bits_of_gray_are_scaled_not_clipped() -> None:
    data = png(4, 1, 16, 0, b"\0" + struct.pack(">HHHH", 0, 257, 32768, 65535))

    assert read_picture(data)[0].tolist() == [[0] * 3, [1] * 3, [128] * 3, [255] * 3]


def test_a_transparent_value_of_sixteen_bit_gray_shows_the_background() -> None:
    data = png(2, 1, 16, 0, b"\0" + struct.pack(">HH", 513, 65535), (b"tRNS", struct.pack(">H", 513)))

    assert read_picture(data, background=(7, 8, 9))[0].tolist() == [[7, 8, 9], [255, 255, 255]]


def test_sixteen_bits_of_color_are_scaled() -> None:
    data = png(2, 1, 16, 2, b"\0" + struct.pack(">HHHHHH", 65535, 32896, 0, 257, 514, 771))

    assert read_picture(data)[0].tolist() == [[255, 128, 0], [1, 2, 3]]


def test_a_sixteen_bit_tiff_is_scaled(encoded: Encoded) -> None:
    data = encoded(Image.fromarray(np.array([[0, 32768, 65535]], np.uint16)), "TIFF")

    assert read_picture(data)[0, :, 0].tolist() == [0, 128, 255]


def test_one_bit_is_black_and_white(encoded: Encoded) -> None:
    data = encoded(Image.fromarray(np.array([[True, False]])), "PNG")

    assert read_picture(data)[0].tolist() == [[255] * 3, [0] * 3]


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(encoded: Encoded, format: str) -> None:
    # Pillow writes a CMYK JPEG with Adobe's marker, whose values are inverted; read without it, this is nearly black.
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), format)

    assert np.abs(read_picture(data)[8, 8].astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_reads_the_first_of_several_frames(encoded: Encoded, format: str) -> None:
    first, second = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))

    picture = read_picture(encoded(first, format, save_all=True, append_images=[second]))

    assert np.abs(picture[4, 4].astype(int) - (255, 0, 0)).max() <= 3


def test_reads_the_first_picture_of_a_phones_jpeg_with_two(encoded: Encoded) -> None:
    data = encoded(Image.new("RGB", (16, 16), (255, 0, 0)), "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16))])

    assert np.abs(read_picture(data)[8, 8].astype(int) - (255, 0, 0)).max() <= 3


def test_the_size_is_checked_before_anything_is_decoded() -> None:
    # Decoded, this file would take 300 MB.
    bomb = png(10_000, 10_000, 8, 2, b"")

    with pytest.raises(
        InvalidInputError, match=r"10000 x 10000, 100000000 pixels; the limit is 50000000, 150 MB as RGB and up to 800 MB"
    ):
        read_picture(bomb)


def test_reads_in_many_threads_and_leaves_no_filter_of_warnings(encoded: Encoded) -> None:
    data = encoded(Image.fromarray(corners()), "PNG")
    before, wrong = list(warnings.filters), []

    def read() -> None:
        wrong.extend(number for number in range(30) if not np.array_equal(read_picture(data), corners()))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert not wrong
    assert warnings.filters == before


def test_a_disk_that_fails_is_not_told_as_a_broken_picture(encoded: Encoded) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(InvalidInputError, match="cannot be read: Input/output error; the file itself may be good"):
        read_picture(Failing(encoded(Image.new("RGB", (4, 4)), "PNG")))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_phones_48_megapixels_are_read_by_default(format: str) -> None:
    # 8064 x 6048 in blocks of one gray, so that a band in the wrong place is seen.
    blocks = np.random.default_rng(2).integers(0, 256, (63, 84), dtype=np.uint8)
    image = Image.fromarray(blocks).resize((8064, 6048), Image.Resampling.NEAREST)
    file = io.BytesIO()
    image.save(file, format, **{"PNG": {"compress_level": 1}, "WEBP": {"method": 0}}.get(format, {}))

    picture = read_picture(file.getvalue())

    assert picture.shape == (6048, 8064, 3)
    loss = 5 if format in ("JPEG", "WEBP") else 0
    for row, column in ((0, 0), (48, 48), (95, 95)):
        corners = picture[row::96, column::96].astype(int)
        assert np.abs(corners - blocks[:, :, np.newaxis]).max() <= loss


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("shape", [(1, 1), (3, 70_001), (700, 333)])
def test_rows_are_those_of_pillow_with_its_encoder_and_without(
    encoded: Encoded, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], orientation: int
) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (*shape, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = encoded(Image.fromarray(pixels), "PNG", exif=exif)
    expected = np.rot90(pixels, 3) if orientation == 6 else pixels

    packed = read_picture(file)
    monkeypatch.setattr("turnout_vision.pictures.pixels._find_encoder", lambda: None)
    cropped = read_picture(file)

    np.testing.assert_array_equal(packed, expected)
    np.testing.assert_array_equal(cropped, expected)
    assert packed.flags.writeable
    assert packed.flags.c_contiguous
