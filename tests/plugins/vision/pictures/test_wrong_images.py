"""Wrong pictures: each has one clear error, and the next good picture is read."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from turnout.errors import InvalidInputError
from turnout_vision.factories import create_load_image
from turnout_vision.options.load_image import LoadImageOptions

Make = Callable[[Path], Any]


def encode(format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, format, **options)
    return file.getvalue()


def file_of(name: str, data: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def truncate(data: bytes) -> bytes:
    return data[: len(data) // 2]


def bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def a_folder(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    return folder / "pictures"


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.jpg")
    return folder / "pipe.jpg"


def closed_file(folder: Path) -> Any:
    file = file_of("closed.png", encode("PNG"))(folder).open("rb")
    file.close()
    return file


def closed_image(folder: Path) -> Any:
    image = Image.open(file_of("closed.png", encode("PNG"))(folder))
    image.close()
    return image


def png_of_no_width() -> bytes:
    data = bytearray(encode("PNG"))
    data[16:20] = bytes(4)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


GRAY = np.zeros((4, 4))

WRONG: dict[str, tuple[Make, str]] = {
    "no such file": (lambda folder: folder / "nowhere.jpg", r"nowhere\.jpg' does not exist; a relative path starts at"),
    "a folder": (a_folder, r"pictures' is a folder; give a file"),
    "a named pipe": (a_pipe, r"pipe\.jpg' is not a regular file"),
    "a URL": (lambda _: "https://example.org/cat.jpg", r"is a URL, not a file; download it"),
    "nothing": (lambda _: None, r"picture is None \(type NoneType\); give a path"),
    "a number": (lambda _: 7, r"picture is 7 \(type int\); give a path"),
    "a list": (lambda _: [[0, 1], [2, 3]], r"\(type list\); give a path"),
    "an empty file": (file_of("empty.jpg", b""), r"empty\.jpg' is empty; save it as JPEG"),
    "no bytes": (lambda _: b"", r"picture of 0 bytes is empty"),
    "text": (file_of("notes.jpg", b"Dear diary, today"), r"notes\.jpg' is not a picture, it begins with b'Dear diary, '"),
    "a PDF": (
        file_of("scan.jpg", b"%PDF-1.7 ..."),
        r"scan\.jpg' is a PDF; save it as JPEG, PNG, WEBP, BMP, GIF, TIFF or AVIF|BMP, GIF or TIFF",
    ),
    "an SVG": (file_of("logo.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), r"logo\.png' is an SVG drawing"),
    "a web page": (file_of("photo.jpg", b"<!DOCTYPE html><html>"), r"photo\.jpg' is a web page"),
    "a HEIC": (lambda _: b"\0\0\0\x18ftypheic\0\0\0\0", r"is a HEIC picture; .* pip install|is broken: "),
    "half an AVIF": (lambda _: truncate(encode("AVIF")), r"is an AVIF picture|is broken"),
    "an ICO": (lambda _: encode("ICO"), r"is an icon \(ICO\); save it as"),
    "a JPEG 2000": (lambda _: encode("JPEG2000"), r"is a JPEG 2000 picture; save it as"),
    "half a JPEG": (file_of("half.jpg", truncate(encode("JPEG"))), r"half\.jpg' is broken: .*truncated.*; save it again"),
    "half a PNG": (lambda _: truncate(encode("PNG")), r"is broken: .*truncated"),
    "half a WEBP": (lambda _: truncate(encode("WEBP")), r"is broken: .*; save it again"),
    "half a BMP": (lambda _: truncate(encode("BMP")), r"is broken: .*truncated"),
    "half a GIF": (lambda _: truncate(encode("GIF")), r"is broken: .*truncated"),
    "half a TIFF": (lambda _: truncate(encode("TIFF")), r"is broken: .*truncated"),
    "only the start of a PNG": (lambda _: b"\x89PNG\r\n\x1a\n", r"is a PNG with a broken header"),
    "a PNG with no width": (lambda _: png_of_no_width(), r"is 0 x 40 and has no pixels|is broken|broken header"),
    "a bomb of 3.6 gigapixels": (lambda _: bomb(), r"larger than Pillow's own limit"),
    "more pixels than the limit": (lambda _: Image.new("1", (10_001, 5000)), r"50005000 pixels; the limit is 50000000"),
    "floats with 32 bits": (lambda _: Image.new("F", (2, 2), 300.0), r"floats from 300 to 300; they must be in 0\.\.1: scale"),
    "integers with 32 bits": (lambda _: Image.new("I", (2, 2)), r"has 32-bit integers, whose white is unknown"),
    "a closed file": (closed_file, r"closed\.png' is broken: ValueError"),
    "a closed image": (closed_image, r"closed\.png' is broken: "),
    "an array of floats up to 255": (lambda _: GRAY + 255.0, r"floats from 255 to 255; they must be in 0\.\.1: divide by 255"),
    "an array with NaN": (lambda _: GRAY + np.nan, r"floats from nan to nan"),
    "an array of int64": (lambda _: GRAY.astype(np.int64), r"array of int64 has no known white; .*astype\(numpy\.uint8\)"),
    "an array of text": (lambda _: np.array([["a"]]), r"array of <U1 has no known white"),
    "channels first": (lambda _: np.zeros((3, 40, 40)), r"got \[3, 40, 40\]; its channels come first"),
    "a batch": (lambda _: np.zeros((1, 40, 40, 3)), r"got \[1, 40, 40, 3\]; it has a batch axis, give one picture"),
    "an empty array": (lambda _: np.zeros((0, 4, 3)), r"a picture array of \[0, 4, 3\] has no pixels"),
    "a scalar": (lambda _: np.float32(1)[()], r"give a path, bytes"),
    "an array above the limit": (lambda _: np.zeros((10_001, 5000), bool), r"50005000 pixels; the limit is 50000000"),
}


def test_there_are_thirty_wrong_pictures() -> None:
    assert len(WRONG) >= 30


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_picture_has_one_clear_error_and_a_good_one_works_afterwards(tmp_path: Path, run: Any, wrong: str) -> None:
    make, message = WRONG[wrong]
    steps = {"load_image": create_load_image(None, LoadImageOptions())}  # type: ignore[arg-type]  # load_image ignores it

    with pytest.raises(InvalidInputError, match=message) as caught:
        run(steps, image=make(tmp_path))
    good = run(steps, image=file_of("good.png", encode("PNG"))(tmp_path))

    assert "\n" not in str(caught.value)
    assert good["picture"].shape == (40, 40, 3)


def test_a_file_that_is_not_readable_is_refused(tmp_path: Path, run: Any) -> None:
    file = file_of("secret.png", encode("PNG"))(tmp_path)
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("this user reads everything")

    with pytest.raises(InvalidInputError, match=r"secret\.png' is not readable by this user"):
        run({"load_image": create_load_image(None, LoadImageOptions())}, image=file)  # type: ignore[arg-type]
