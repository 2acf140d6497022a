from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image
from tests.hostile.picture_files import encode, jpeg_of_scans, tiff

from turnout.errors import InvalidInputError
from turnout_vision.pictures.images import read_picture

COMPRESSIONS = ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma"]
OFFSETS = struct.pack("<I", 600)
TILED = {273: (4, 0, 0), 278: (4, 0, 0), 279: (4, 0, 0)}


def offsets(count: int) -> dict[int, tuple[int, int, int]]:
    return {273: (4, count, 2000), 279: (4, count, 2000)}


@pytest.mark.parametrize("options", [{}, {"tiffinfo": {278: 8}}, {"tiffinfo": {278: 64}}, {"big_tiff": True}], ids=str)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_good_picture_has_the_pixels_that_its_decoder_gives(compression, options) -> None:
    data = encode("TIFF", (200, 150), compression=compression, **options)

    np.testing.assert_array_equal(read_picture(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_the_directory_of_these_tests_is_a_good_picture() -> None:
    assert read_picture(tiff({})).shape == (30, 40, 3)


def test_a_good_picture_of_tiles_is_read() -> None:
    tiles = {**TILED, 322: (3, 1, 16), 323: (3, 1, 16), 324: (4, 6, 2000), 325: (4, 6, 2000)}

    assert read_picture(tiff(tiles, OFFSETS * 6)).shape == (30, 40, 3)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (tiff(offsets(3), OFFSETS * 3), r"has 3 strips or tiles where 1 cover it"),
        (tiff({**offsets(190_000), 278: (3, 1, 29)}, OFFSETS * 190_000), r"has 190000 strips or tiles \(the limit is 20000\)"),
        (tiff({**offsets(4000), 278: (3, 1, 0)}, OFFSETS * 4000), r"has strips of no rows"),
        (
            tiff({**offsets(4000), 256: (9, 1, 40), 257: (9, 1, 30)}, OFFSETS * 4000),
            r"has 4000 strips or tiles where 1 cover it",
        ),
        (
            tiff({**TILED, 322: (4, 1, 30_000), 323: (4, 1, 30_000), 324: (4, 1, 600), 325: (4, 1, 1200)}),
            r"has tiles of 30000 x 30000 for 40 x 30 pixels",
        ),
        (tiff({**TILED, 322: (4, 1, 0), 323: (4, 1, 16), 324: (4, 1, 600), 325: (4, 1, 9)}), r"has tiles of 0 x 16"),
        (tiff({}, OFFSETS * 9000, [(273, 4, 9000, 2000)]), r"has the tag 273 twice"),
        (tiff({259: (3, 1, 7)}, jpeg_of_scans(90) * 6000), r"has 540000 scans of 1200 pixels"),
    ],
    ids=["too many", "many", "no rows", "signed sizes", "a large tile", "an empty tile", "twice", "scans"],
)
def test_more_parts_than_a_picture_needs_are_refused(file, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_picture(file)


def test_directories_that_follow_each_other_in_a_ring_end() -> None:
    data = bytearray(tiff({}))
    count = struct.unpack_from("<H", data, 8)[0]
    struct.pack_into("<I", data, 10 + 12 * count, 8)

    assert read_picture(bytes(data)).shape == (30, 40, 3)
