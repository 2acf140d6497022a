"""File signatures: the kind of a file by its first bytes."""

from __future__ import annotations

_SIGNATURES = (
    (0, b"%PDF", "a PDF"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<?xml", "XML, perhaps an SVG drawing"),
    (0, b"<!DOCTYPE", "a web page"),
    (0, b"<html", "a web page"),
    (0, b"\x00\x00\x01\x00", "an icon (ICO)"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"PK\x03\x04", "a zip archive"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftypavis", "an AVIF picture"),
    (4, b"ftyphei", "a HEIC picture"),
    (4, b"ftyphevc", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIF picture"),
    (4, b"ftypmsf1", "a HEIF picture"),
    (4, b"ftyp", "a video or another ISO media file"),
    (0, b"\x00\x00\x00\x0cjP", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\xff\xd8", "a JPEG with a broken header"),
    (0, b"\x89PNG", "a PNG with a broken header"),
    (0, b"GIF8", "a GIF with a broken header"),
    (0, b"RIFF", "a WEBP with a broken header, or sound or video"),
    (0, b"BM", "a BMP with a broken header"),
    (0, b"II*\x00", "a TIFF with a broken header"),
    (0, b"MM\x00*", "a TIFF with a broken header"),
)

_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"8BPS", b"\x00\x00\x00\x0cjP")
_AVIF = (b"avif", b"avis")
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def describe_content(start: bytes) -> str:
    """Return a description of a file that begins with ``start``, such as "a PDF"."""
    if not start:
        return "empty"
    for offset, signature, name in _SIGNATURES:
        if start[offset:].startswith(signature):
            return name
    return f"not a picture, it begins with {start[:12]!r}"


def is_picture(start: bytes) -> bool:
    """Return whether a file that begins with ``start`` is a picture, whatever it is called."""
    return start.startswith(_PICTURES) or start[8:12] == b"WEBP" or is_avif(start) or is_heif(start)


def is_avif(start: bytes) -> bool:
    """Return whether a file that begins with ``start`` is AVIF."""
    return start[4:8] == b"ftyp" and start[8:12] in _AVIF


def is_heif(start: bytes) -> bool:
    """Return whether a file that begins with ``start`` is HEIC or another HEIF."""
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF
