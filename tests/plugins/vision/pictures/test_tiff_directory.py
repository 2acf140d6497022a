from __future__ import annotations

import io
import struct

import pytest
from tests.hostile.picture_files import behind_header, behind_start, chunk, encode, exif, riff_chunk, segment, webp, webp_header

from turnout.errors import InvalidInputError
from turnout_vision.pictures.images import read_picture
from turnout_vision.pictures.tiff_directory import check_tiff_directory

LISTS = exif([(700 + number, 7, 900_000, 100) for number in range(60)], bytes(900_000))
TAGS = exif([(1, 4, 1, 0)] * 1001)


def big(entries: list[tuple[int, int, int, int]]) -> bytes:
    body = b"".join(struct.pack("<HHQQ", *entry) for entry in entries)
    return b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, len(entries)) + body


@pytest.mark.parametrize("read", [bytes, io.BytesIO])
@pytest.mark.parametrize("directory", [exif([(274, 3, 1, 6)]), big([(274, 3, 1, 6)])])
def test_the_tags_of_a_directory_are_returned(directory, read) -> None:
    (tag,) = check_tiff_directory(read(directory), 0, "'a.tif'")

    assert (tag.code, tag.kind, tag.count, tag.number) == (274, 3, 1, 6)


@pytest.mark.parametrize(
    "data", [b"", b"II", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0", b"II+\0\x08\0\0\0" + b"\xff" * 8]
)
def test_a_directory_that_is_not_there_has_no_tags(data) -> None:
    assert check_tiff_directory(data, 0, "'a.tif'") == []


@pytest.mark.parametrize(
    ("directory", "message"),
    [
        (TAGS, r"'a.tif' has 1001 tags \(the limit is 1000\)"),
        (LISTS, r"tags that claim \d+ bytes of \d+"),
        (exif([(700, 4, 300_000, 100)], bytes(1_300_000)), r"has 300000 values in the tag 700 \(the limit is 200000\)"),
        (big([(700, 12, 1 << 60, 100)]) + bytes(1_700_000), r"values in the tag 700"),
    ],
    ids=["tags", "bytes", "values", "values of 64 bits"],
)
def test_more_than_a_picture_needs_is_refused(directory, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_tiff_directory(directory, 0, "'a.tif'")


@pytest.mark.parametrize("count", [0xFFFFFFFF, 0x40000000])
def test_a_count_that_no_file_can_hold_costs_nothing(count) -> None:
    assert len(check_tiff_directory(exif([(700, 7, count, 8), (701, 2, count, 8)]), 0, "'a.tif'")) == 2


@pytest.mark.parametrize(
    "picture",
    [
        behind_start(encode("JPEG"), segment(0xE1, b"Exif\0\0" + TAGS)),
        behind_header(encode("PNG"), chunk(b"eXIf", LISTS)),
        webp(webp_header(64, 48, 8), encode("WEBP")[12:], riff_chunk(b"EXIF", LISTS)),
        LISTS,
    ],
    ids=["JPEG", "PNG", "WEBP", "TIFF"],
)
def test_the_directory_of_each_format_is_looked_at(picture) -> None:
    with pytest.raises(InvalidInputError, match=r"has 1001 tags|tags that claim"):
        read_picture(picture)
