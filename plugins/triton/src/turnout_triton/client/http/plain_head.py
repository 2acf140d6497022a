"""The heads of responses as Triton writes them; ``odd_response`` reads any other."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

# No other line ends, no folded lines: what is not as plain as this is read by http.client.
_HEAD = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [^\r\n]*)?((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*){1,100})")
_LENGTH = re.compile(r"[0-9]{1,18}")
_BODILESS = (204, 304)
_MOST_BYTES = 2048


class PlainHead(NamedTuple):
    """The head of a response: ``size`` bytes with its end, and a body of ``body_bytes`` behind it."""

    status: int
    headers: Mapping[str, str]
    size: int
    body_bytes: int
    reusable: bool


def plain_head(received: bytes) -> PlainHead | None:
    """Return the head that ``received`` begins with; None if it is incomplete or not plain."""
    end = received.find(b"\r\n\r\n")
    return _parse(received[:end]) if 0 < end <= _MOST_BYTES else None


# A server's responses of one shape have one head.
@functools.lru_cache(maxsize=256)
def _parse(head: bytes) -> PlainHead | None:
    match = _HEAD.fullmatch(head)
    if match is None:
        return None
    pairs = [line.partition(":")[::2] for line in match[2].decode("latin-1").split("\r\n")[1:]]
    headers = {name.lower(): value.strip(" \t") for name, value in pairs}
    status, length = int(match[1]), headers.get("content-length", "")
    # Two lengths, or a length and chunks, are how one response is made to look like two.
    is_plain = len(headers) == len(pairs) and "transfer-encoding" not in headers and _LENGTH.fullmatch(length)
    if not is_plain or status in _BODILESS:
        return None
    reusable = "close" not in headers.get("connection", "").lower()
    return PlainHead(status, headers, len(head) + 4, int(length), reusable)
