from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.hostile.picture_files import behind_start, encode, exif, jpeg_of_scans, plain, segment

from turnout.errors import InvalidInputError
from turnout_vision.pictures.images import read_picture
from turnout_vision.pictures.jpeg_structure import MAX_SCANS, most_scans

GOOD = encode("JPEG")
SUBSAMPLED = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("subsampling", SUBSAMPLED.values(), ids=list(SUBSAMPLED))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"restart_marker_blocks": 2},
        {"optimize": True},
        {"progressive": True, "restart_marker_rows": 1},
    ],
    ids=str,
)
def test_a_good_picture_has_the_pixels_that_its_decoder_gives(options, subsampling) -> None:
    data = encode("JPEG", (200, 150), subsampling=subsampling, **options)

    np.testing.assert_array_equal(read_picture(data), pixels_of(data))


@pytest.mark.parametrize(
    "part",
    [
        b"\xff" * 500,
        segment(0xE1, b"Exif\0\0" + exif([(0x112, 3, 1, 1)])) + segment(0xE2, b"MPF\0" + bytes(90)),
        segment(0xE1, b"Exif\0\0" + exif([(0x201, 4, 1, 30)], jpeg_of_scans(90))),
        segment(0xFE, b"a comment \xff\xda \xff\xda") * 100,
        segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(60_000)) * 60,
        segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 500),
    ],
    ids=["fill bytes", "MPF", "a thumbnail of many scans", "comments", "a color profile", "resources"],
)
def test_segments_that_cameras_write_are_read_over(part) -> None:
    np.testing.assert_array_equal(read_picture(behind_start(GOOD, part)), pixels_of(GOOD))


def test_the_second_picture_of_a_file_is_not_counted() -> None:
    np.testing.assert_array_equal(read_picture(GOOD + jpeg_of_scans(5000)), pixels_of(GOOD))


def test_a_stream_that_its_owner_has_read_from_is_counted_from_its_beginning() -> None:
    """Pillow reads from there, wherever the position is."""
    stream = io.BytesIO(jpeg_of_scans(5000))
    stream.read(16)

    with pytest.raises(InvalidInputError, match="scans"):
        read_picture(stream)


@pytest.mark.parametrize("scans", [101, 1000, 4000, 20_000])
def test_scans_are_counted_before_they_are_decoded(scans) -> None:
    with pytest.raises(InvalidInputError, match=r"has more than 100 scans, the limit for 3072 pixels.*save it again"):
        read_picture(jpeg_of_scans(scans))


def test_as_many_scans_as_allowed_are_decoded() -> None:
    assert read_picture(jpeg_of_scans(MAX_SCANS)).shape == (48, 64, 3)


def test_a_large_picture_may_have_fewer_scans() -> None:
    assert [most_scans(pixels) for pixels in (1, 6_000_000, 20_000_000, 50_000_000)] == [100, 100, 30, 16]
    with pytest.raises(InvalidInputError, match=r"has more than 24 scans, the limit for 25000000 pixels"):
        read_picture(jpeg_of_scans(25, (5000, 5000)))


def test_an_end_in_front_of_the_pixels_hides_nothing() -> None:
    # Pillow reads on there, and sees the segments behind it.
    hidden = behind_start(GOOD, b"\xff\xd9" + segment(0xE1, b"Exif\0\0" + exif([(1, 4, 1, 0)] * 2000)))

    with pytest.raises(InvalidInputError, match=r"2000 tags \(the limit is 1000\)"):
        read_picture(hidden)


def test_a_second_smaller_size_hides_no_scans() -> None:
    data = jpeg_of_scans(60, (3600, 3600))
    small = segment(0xC2, b"\x08\0\x08\0\x08\x01\x01\x11\0")

    with pytest.raises(InvalidInputError, match=r"more than 46 scans, the limit for 12960000 pixels"):
        read_picture(data.replace(b"\xff\xda", small + b"\xff\xda", 1))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (segment(0xFE, b"x") * 6000, r"more than 5000 segments"),
        (segment(0xE1, b"Exif\0\0" + exif([])) * 65, r"more than 64 segments of EXIF"),
        (segment(0xED, b"Photoshop 3.0\0" + bytes(65_000)) * 31, r"more than 2000000 bytes of Photoshop's resources"),
        (segment(0xFE, bytes(65_000)) * 500, r"segments of more than 32000000 bytes"),
        (bytes(70_000), r"more than 65536 bytes between its segments"),
        (b"\xff\xd8" * 6000, r"more than 5000 segments"),
    ],
    ids=["comments", "EXIF", "resources", "bytes", "junk", "starts"],
)
def test_more_segments_than_a_picture_needs_are_refused(part, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_picture(behind_start(GOOD, part))


def test_a_picture_that_the_caller_opened_is_looked_at_too() -> None:
    with pytest.raises(InvalidInputError, match=r"more than 100 scans"):
        read_picture(Image.open(io.BytesIO(jpeg_of_scans(3000))))


def test_a_picture_that_the_caller_decoded_is_taken_as_it_is() -> None:
    image = Image.open(io.BytesIO(plain("JPEG", (30, 20))))
    image.load()

    assert read_picture(image).shape == (20, 30, 3)
