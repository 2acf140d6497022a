"""Header fields in HPACK (RFC 7541), without a dynamic table: a block means the same wherever it is sent."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from turnout_triton.client.http2.huffman import decode_huffman

# By index, from 1 on; with a value after "=".
_STATIC_TEXT = """
:authority :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https :status=200 :status=204 :status=206
:status=304 :status=400 :status=404 :status=500 accept-charset accept-encoding=gzip,deflate accept-language accept-ranges accept
access-control-allow-origin age allow authorization cache-control content-disposition content-encoding content-language
content-length content-location content-range content-type cookie date etag expect expires from host if-match if-modified-since
if-none-match if-range if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range
referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate
"""
_STATIC = tuple(entry.partition("=")[::2] for entry in _STATIC_TEXT.split())
_NEVER_INDEXED = 0x10
_HUFFMAN = 0x80
_MOST_KNOWN_BYTES = 2048
_MOST_INTEGER_BYTES = 5


def encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return ``fields`` as literals that no proxy keeps in its table: a value may be a token."""
    return b"".join(b"".join((bytes([_NEVER_INDEXED]), _text(name), _text(value))) for name, value in fields)


def decode_fields(block: bytes) -> Mapping[str, str]:
    """Return the fields of ``block``; of two of one name the last.

    Raises:
        ValueError: it is not HPACK, or refers to a dynamic table, which the sender was not allowed.
    """
    # A server ends all its good calls with the same blocks.
    return _known_fields(block) if len(block) <= _MOST_KNOWN_BYTES else _decode(block)


@functools.lru_cache(maxsize=256)
def _known_fields(block: bytes) -> Mapping[str, str]:
    return _decode(block)


def _decode(block: bytes) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    position = 0
    try:
        while position < len(block):
            first = block[position]
            if first & 0x80:
                index, position = _read_integer(block, position, 7)
                name, value = _static(index)
            elif first & 0xE0 == 0x20:  # the size of the dynamic table, which is 0
                _, position = _read_integer(block, position, 5)
                continue
            else:
                index, position = _read_integer(block, position, 6 if first & 0x40 else 4)
                name, position = (_static(index)[0], position) if index else _read_text(block, position)
                value, position = _read_text(block, position)
            fields[name] = value
    except IndexError as error:
        raise ValueError("a header field that ends behind its block") from error
    return fields


def _static(index: int) -> tuple[str, str]:
    if not 0 < index <= len(_STATIC):
        raise ValueError(f"a header field of index {index}")
    name, value = _STATIC[index - 1]
    return name, value


def _read_integer(block: bytes, position: int, prefix_bits: int) -> tuple[int, int]:
    most = (1 << prefix_bits) - 1
    number, position = block[position] & most, position + 1
    if number < most:
        return number, position
    for count in range(_MOST_INTEGER_BYTES):
        byte, position = block[position], position + 1
        number += (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return number, position
    raise ValueError("a number that is too large")


def _read_text(block: bytes, position: int) -> tuple[str, int]:
    is_packed = block[position] & _HUFFMAN
    size, begin = _read_integer(block, position, 7)
    end = begin + size
    if end > len(block):
        raise ValueError("a text that ends behind its block")
    text = block[begin:end]
    return (decode_huffman(text) if is_packed else text).decode("latin-1"), end


def _text(text: str) -> bytes:
    encoded = text.encode("ascii")
    return _integer(len(encoded), 7) + encoded


def _integer(number: int, prefix_bits: int) -> bytes:
    most = (1 << prefix_bits) - 1
    if number < most:
        return bytes([number])
    encoded, rest = bytearray([most]), number - most
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*encoded, rest])
