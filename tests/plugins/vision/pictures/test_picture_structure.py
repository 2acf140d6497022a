from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.hostile.picture_files import (
    animation,
    behind_header,
    bmp_of_runs,
    chunk,
    encode,
    gif_with,
    plain,
    riff_chunk,
    webp,
    webp_frame,
    webp_header,
    webp_pixels,
)

from turnout.errors import InvalidInputError
from turnout_vision.pictures.images import read_picture

PNG, GIF = encode("PNG"), plain("GIF", (40, 30), "P")
FRAME = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 10, 0, 0))
COMMENT = b"!\xfe\xff" + b"x" * 255 + b"\0"
PACKED = zlib.compress(bytes(1 << 20))


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize(
    "part",
    [
        chunk(b"tEXt", b"Comment\0" + b"x" * 5000) * 50,
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 5000)) * 10,
        chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(500_000))),
        chunk(b"acTL", struct.pack(">II", 1, 0)) + FRAME,
        chunk(b"IDAT", b"") * 5000,
    ],
    ids=["texts", "compressed texts", "a color profile", "animated", "empty pixels"],
)
def test_chunks_that_programs_write_are_read_over(part) -> None:
    np.testing.assert_array_equal(read_picture(behind_header(PNG, part)), pixels_of(PNG))


def test_a_png_of_many_rows_of_pixels_is_read() -> None:
    header, pixels = PNG[:33], zlib.compress(b"".join(b"\0" + bytes(64 * 3) for _ in range(48)), 0)
    data = header + b"".join(chunk(b"IDAT", bytes([byte])) for byte in pixels) + chunk(b"IEND", b"")

    assert read_picture(data).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (behind_header(PNG, chunk(b"tEXt", b"a\0b") * 6000), r"5001 chunks without pixels"),
        (behind_header(PNG, chunk(b"iCCP", b"a\0\0" + PACKED) * 101), r"chunks without pixels, 101 of them compressed"),
        (behind_header(PNG, chunk(b"zTXt", b"a\0\0" + PACKED) * 5000), r"101 of them compressed"),
        (behind_header(PNG, chunk(b"iTXt", b"a\0\1\0\0\0" + PACKED) * 200), r"101 of them compressed"),
        (behind_header(PNG, FRAME * 100_001), r"more than 100000 chunks"),
        (behind_header(PNG, chunk(b"IDAT", b"") * 100_001), r"more than 100000 chunks"),
        (behind_header(PNG, chunk(b"abCd", bytes(33_000_000))), r"chunks without pixels of 33000013 bytes"),
        (webp(webp_header(64, 48), riff_chunk(b"abcd", bytes(33_000_000))), r"chunks without pixels of 33000010 bytes"),
        (gif_with(COMMENT * 4001), r"more than 4000 blocks in front of its pixels"),
        (gif_with(b"!\xff" + b"\1x" * 4001 + b"\0"), r"more than 4000 blocks"),
        (gif_with(bytes(70_000) + COMMENT), r"more than 65536 bytes between its blocks"),
        (gif_with(b"\1" + COMMENT * 4001), r"more than 4000 blocks"),
        (webp(webp_header(64, 48), riff_chunk(b"abcd", b"") * 5000), r"more than 5000 chunks"),
        (bmp_of_runs(4000, 3000, b"\xff\1" * 100), r"12000000 pixels of run lengths \(the limit is 5000000\)"),
        (bmp_of_runs(50_000_000, 1, b"\1\1\0\0"), r"50000000 pixels of run lengths"),
        (bmp_of_runs(10, -1_000_000, b"\1\1" * 1_000_001), r"bytes of run lengths \(the limit is 2000000\)"),
        (bmp_of_runs(4000, 3000, b"\xff\1" * 100, 4), r"12000000 pixels of run lengths"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_more_than_a_picture_needs_is_refused(file, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_picture(file)


def test_only_what_is_in_front_of_the_first_frame_of_a_gif_counts() -> None:
    data = GIF[:-1] + COMMENT * 5000 + b";"

    np.testing.assert_array_equal(read_picture(data), pixels_of(GIF))


@pytest.mark.parametrize(("bits", "runs"), [(8, b"\x28\1\0\0" * 30 + b"\0\1"), (4, b"\x28\x11\0\0" * 30 + b"\0\1")])
def test_run_lengths_of_a_good_bmp_are_read(bits, runs) -> None:
    assert read_picture(bmp_of_runs(40, 30, runs, bits)).shape == (30, 40, 3)


@pytest.mark.parametrize(
    "pixels",
    [webp_pixels(64, 48), webp_pixels(64, 48, lossless=True), webp_pixels(64, 48, mode="RGBA", quality=50)],
    ids=["VP8", "VP8L", "ALPH"],
)
def test_a_webp_is_read_still_and_animated(pixels) -> None:
    still = read_picture(webp(webp_header(64, 48, 16), pixels))
    animated = read_picture(animation(64, 48, *[webp_frame(64, 48, pixels)] * 500))

    np.testing.assert_array_equal(still, animated)


def test_a_file_that_is_cut_short_passes_to_its_decoder() -> None:
    for format in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        with pytest.raises(InvalidInputError, match=r"is broken|broken header"):
            read_picture(encode(format)[:40])
