"""Pictures with far more parts than a picture needs, by name; each is made when it is called for: some have megabytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from functools import partial

from tests.hostile.picture_files import (
    animation,
    behind_header,
    behind_start,
    bmp_of_runs,
    chunk,
    encode,
    exif,
    gif_with,
    jpeg_of_scans,
    plain,
    riff_chunk,
    segment,
    tiff,
    webp,
    webp_frame,
    webp_header,
    webp_pixels,
)

Make = Callable[[], bytes]
LARGE = (5000, 5000)
PACKED = zlib.compress(bytes(1 << 20))
OFFSETS = struct.pack("<I", 600)


def jpeg_bombs() -> Mapping[str, Make]:
    """Return JPEGs with too many scans, segments, tags or bytes between them."""
    good = encode("JPEG")
    tags = exif([(700 + number, 7, 60_000, 8) for number in range(1000)], bytes(60_000))
    parts = {
        "comments": lambda: segment(0xFE, b"x") * 20_000,
        "large_comments": lambda: segment(0xFE, bytes(65_000)) * 4000,
        "exif": lambda: segment(0xE1, b"Exif\0\0" + tags[:65_000]) * 60,
        "exif_of_many_tags": lambda: segment(0xE1, b"Exif\0\0" + exif([(1, 4, 1, 0)] * 5000)),
        "exif_of_many_values": lambda: segment(0xE1, b"Exif\0\0" + exif([(1, 4, 0xFFFFFFFF, 8)] * 900)),
        "exif_in_a_ring": lambda: segment(0xE1, b"Exif\0\0" + exif([(0x8769, 4, 1, 8)])),
        "exif_behind_an_end": lambda: b"\xff\xd9" + segment(0xE1, b"Exif\0\0" + exif([(1, 4, 1, 0)] * 5000)),
        "resources": lambda: segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 5000) * 400,
        "profiles": lambda: segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(65_000)) * 255,
        "mpf": lambda: segment(0xE2, b"MPF\0" + exif([(0xB001, 4, 1, 0xFFFFFFFF), (0xB002, 7, 64_000, 8)], bytes(64_000))) * 50,
        "fill_bytes": lambda: b"\xff" * 30_000_000,
        "junk": lambda: bytes(30_000_000),
        "tables": lambda: segment(0xDB, b"\0" + b"\1" * 64) * 20_000,
        "starts": lambda: b"\xff\xd8" * 1_000_000,
        "empty_segments": lambda: b"\xff\xe0\0\0" * 1_000_000,
    }
    scans = {f"scans_{count}": partial(jpeg_of_scans, count, (3000, 2000)) for count in (90, 300, 1000, 5000, 40_000)}
    return {
        **scans,
        "scans_of_arithmetic": lambda: jpeg_of_scans(5000, (3000, 2000), 0xCA),
        "scans_of_a_lossless": lambda: jpeg_of_scans(5000, (3000, 2000), 0xC3),
        **{member: partial(_join, behind_start, good, part) for member, part in parts.items()},
        "restarts": lambda: good[:-2] + b"\xff\xd0\xff\xd1" * 5_000_000 + good[-2:],
        "escapes": lambda: good[:-2] + b"\xff\0" * 5_000_000 + good[-2:],
        "no_end": lambda: good[:-2] + bytes(20_000_000),
        "second_picture": lambda: good + jpeg_of_scans(5000),
    }


def png_bombs() -> Mapping[str, Make]:
    """Return PNGs with too many chunks, or chunks that become large."""
    good = encode("PNG")
    parts = {
        "png_profiles": lambda: chunk(b"iCCP", b"a\0\0" + PACKED) * 4900,
        "png_profile_bomb": lambda: chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(200_000_000))),
        "png_text_bomb": lambda: chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000))),
        "png_texts": lambda: chunk(b"zTXt", b"a\0\0" + PACKED) * 90,
        "png_international": lambda: chunk(b"iTXt", b"a\0\1\0\0\0" + PACKED) * 4900,
        "png_plain_texts": lambda: chunk(b"tEXt", b"a\0" + bytes(60_000)) * 1000,
        "png_frames": lambda: chunk(b"acTL", struct.pack(">II", 0xFFFFFFFF, 0)) + chunk(b"fcTL", bytes(26)) * 90_000,
        "png_empty_pixels": lambda: chunk(b"IDAT", b"") * 1_000_000,
        "png_exif": lambda: chunk(b"eXIf", exif([(1, 4, 1, 0)] * 60_000)),
        "png_long_chunk": lambda: struct.pack(">I", 0xFFFFFFFF) + b"abcd",
        "png_palettes": lambda: chunk(b"PLTE", bytes(768)) * 50_000,
        "png_large_own_chunks": lambda: chunk(b"abCd", bytes(1_000_000)) * 300,
        "png_own_chunks": lambda: chunk(b"abCd", b"") * 500_000,
    }
    return {
        **{member: partial(_join, behind_header, good, part) for member, part in parts.items()},
        "png_more_rows": lambda: _png_of(10, 10, 8, 2, 0, zlib.compress(bytes(200_000_000))),
    }


def _many_scans() -> bytes:
    return jpeg_of_scans(5000, (3000, 2000))


def _png_of(width: int, height: int, depth: int, color: int, interlaced: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _join(put: Callable[[bytes, bytes], bytes], good: bytes, part: Make) -> bytes:
    return put(good, part())


def gif_bombs() -> Mapping[str, Make]:
    """Return GIFs with too much in front of their frame."""
    comment = b"!\xfe" + b"\xff" + b"x" * 255 + b"\0"
    good = gif_with(b"")
    return {
        "gif_comments": lambda: gif_with(comment * 50_000),
        "gif_long_comment": lambda: gif_with(comment[:-1] + (b"\xff" + b"x" * 255) * 50_000 + b"\0"),
        "gif_application": lambda: gif_with(b"!\xff\x0bNETSCAPE2.0" + b"\1\1" * 900_000 + b"\0"),
        "gif_junk": lambda: gif_with(bytes(5_000_000)),
        "gif_frames": lambda: good[:-1] + good[13:-1] * 5000 + b";",
        "gif_far_frame": lambda: good.replace(b",\0\0\0\0", b",\xff\xff\xff\xff", 1),
        "gif_no_pixels": lambda: good[:13] + b",\0\0\0\0\xff\xff\xff\xff\0" + b"\x08" + b"\1\0" * 2_000_000 + b"\0;",
    }


def bmp_bombs() -> Mapping[str, Make]:
    """Return BMPs whose run lengths cost much."""
    return {
        "bmp_ends_of_lines": lambda: bmp_of_runs(4_999_999, 1, b"\1\1\0\0"),
        "bmp_long_line": lambda: bmp_of_runs(50_000_000, 1, b"\1\1\0\0"),
        "bmp_wide_delta": lambda: bmp_of_runs(2**31 - 1, 1, b"\0\2\xff\xff" * 100),
        "bmp_runs_of_4_bits": lambda: bmp_of_runs(2500, 2000, b"\xff\x12" * 900_000, 4),
        "bmp_runs_beyond_the_line": lambda: bmp_of_runs(1, 4_900_000, b"\xff\1" * 900_000),
        "bmp_empty_deltas": lambda: bmp_of_runs(1, 4_900_000, b"\0\2\0\0" * 450_000),
        "bmp_megabytes_of_runs": lambda: bmp_of_runs(1, 4_900_000, b"\1\1" * 5_000_000),
        "bmp_header_of_gigabytes": lambda: b"BM" + bytes(12) + b"\xff\xff\xff\x7f" + bytes(5000),
        "bmp_palette": lambda: bmp_of_runs(40, 30, b"\0\1").replace(struct.pack("<I", 30), struct.pack("<i", -30), 1),
    }


def webp_bombs() -> Mapping[str, Make]:
    """Return WEBPs with too many chunks or frames, or frames elsewhere."""
    pixels = webp_pixels(64, 48)
    return {
        "chunks": lambda: webp(webp_header(64, 48), pixels, riff_chunk(b"abcd", b"") * 1_000_000),
        "frames": lambda: animation(64, 48, webp_frame(64, 48, pixels) * 100_000),
        "frames_4900": lambda: animation(64, 48, webp_frame(64, 48, pixels) * 4900),
        "exif": lambda: webp(webp_header(64, 48, 8), pixels, riff_chunk(b"EXIF", exif([(1, 4, 1, 0)] * 60_000))),
        "exif_of_gigabytes": lambda: webp(webp_header(64, 48, 8), pixels, b"EXIF\xff\xff\xff\xff"),
        "profile": lambda: webp(webp_header(64, 48, 32), riff_chunk(b"ICCP", bytes(30_000_000)), pixels),
        "large_profile": lambda: webp(webp_header(64, 48, 32), riff_chunk(b"ICCP", bytes(150_000_000)), pixels),
        "far_frame": lambda: animation(64, 48, webp_frame(64, 48, pixels, 2**24, 2**24)),
        "frame_of_another_size": lambda: animation(64, 48, webp_frame(8, 8, pixels)),
        "frame_in_a_frame": lambda: animation(64, 48, webp_frame(64, 48, webp_frame(64, 48, pixels))),
        "small_canvas": lambda: webp(webp_header(8, 8), webp_pixels(3000, 3000)),
        "large_canvas": lambda: webp(webp_header(2**24, 2**24), pixels),
        "alpha_without_pixels": lambda: webp(webp_header(64, 48, 16), riff_chunk(b"ALPH", bytes(1_000_000))),
        "alpha_twice": lambda: webp(webp_header(64, 48, 16), riff_chunk(b"ALPH", bytes(9)) * 4000, pixels),
        "canvases": lambda: webp(webp_header(64, 48) * 4000, pixels),
        "size_of_gigabytes": lambda: b"RIFF\xff\xff\xff\xff" + webp(pixels)[8:],
    }


def tiff_bombs() -> Mapping[str, Make]:
    """Return TIFFs with too many strips, tiles, tags or values."""
    tiles = {273: (4, 0, 0), 278: (4, 0, 0), 279: (4, 0, 0)}

    def offsets(count: int) -> dict[int, tuple[int, int, int]]:
        return {273: (4, count, 2000), 279: (4, count, 2000)}

    def tile(side: int) -> bytes:
        zeros = zlib.compress(bytes(200_000_000))
        tags = {322: (4, 1, side), 323: (4, 1, side), 324: (4, 1, 2000), 325: (4, 1, len(zeros)), 259: (3, 1, 8)}
        return tiff({**tiles, **tags}, zeros)

    def strip() -> bytes:
        zeros = zlib.compress(bytes(200_000_000))
        return tiff({259: (3, 1, 8), 273: (4, 1, 2000), 279: (4, 1, len(zeros))}, zeros)

    return {
        "strips": lambda: tiff(offsets(500_000), OFFSETS * 500_000),
        "strips_19000": lambda: tiff({**offsets(19_000), 278: (3, 1, 29)}, OFFSETS * 19_000),
        "strips_of_no_rows": lambda: tiff({**offsets(19_000), 278: (3, 1, 0)}, OFFSETS * 19_000),
        "strips_twice": lambda: tiff({}, OFFSETS * 19_000, [(273, 4, 19_000, 2000)]),
        "signed_sizes": lambda: tiff({**offsets(19_000), 256: (9, 1, 40), 257: (9, 1, 30)}, OFFSETS * 19_000),
        "tile_of_40000": lambda: tile(40_000),
        "tile_of_14000": lambda: tile(14_000),
        "tile_of_nothing": lambda: tile(0),
        "strip_of_200_mb": strip,
        "tags": lambda: exif([(1, 4, 1, 0)] * 65_000),
        "values": lambda: tiff({700: (4, 0x3FFFFFFF, 8), 701: (12, 0x1FFFFFFF, 8)}),
        "copies": lambda: exif([(700 + number, 7, 3_000_000, 8) for number in range(900)], bytes(3_000_000)),
        "numbers": lambda: tiff({700: (5, 600_000, 2000)}, bytes(4_800_000)),
        "samples": lambda: tiff({277: (3, 1, 65_535), 258: (3, 65_535, 2000)}, bytes(140_000)),
        "scans": lambda: tiff({259: (3, 1, 7), 256: (3, 1, 3000), 257: (3, 1, 2000), 278: (3, 1, 2000)}, _many_scans()),
        "ring": lambda: tiff({})[:4] + struct.pack("<I", 4) + tiff({})[8:],
        "xmp": lambda: tiff({700: (1, 20_000_000, 2000)}, b"<" * 20_000_000),
    }


def large_pictures() -> Mapping[str, Make]:
    """Return pictures of 25 megapixels that need most memory or time, all of them harmless."""
    width, height = LARGE

    def pixels() -> bytes:
        return webp_pixels(width, height, lossless=True)

    def deep() -> bytes:
        deflate, row = zlib.compressobj(1), b"\0" + bytes(width * 8)
        return b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()

    return {
        "webp_of_few_bytes": lambda: webp(pixels()),
        "webp_animated": lambda: animation(width, height, webp_frame(width, height, pixels()) * 3),
        "webp_almost_empty_canvas": lambda: animation(width, height, webp_frame(64, 48, webp_pixels(64, 48))),
        "jpeg_of_24_scans": lambda: jpeg_of_scans(24, LARGE),
        "jpeg_of_arithmetic": lambda: jpeg_of_scans(24, LARGE, 0xCA),
        "png_of_16_bits": lambda: _png_of(width, height, 16, 6, 0, deep()),
        "png_interlaced_without_pixels": lambda: _png_of(width, height, 16, 6, 1, zlib.compress(b"")),
        "gif": lambda: plain("GIF", LARGE, "P"),
        "tiff_of_one_strip": lambda: plain("TIFF", LARGE, "RGBA", compression="tiff_lzw", tiffinfo={278: height}),
    }
