"""The text of a config.pbtxt, as Triton reads it.

Measured with tritonserver 2.51: bytes that are not UTF-8 are skipped in comments and dropped from texts in quotes. A byte order
mark, a NUL byte and any character outside ASCII elsewhere are refused. Here each byte that is not UTF-8 becomes a surrogate,
which is written back as the same byte.
"""

from __future__ import annotations

import re

from turnout.errors import ConfigurationError

MAX_DEPTH = 64
MAX_WORDS = 50_000
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
# A text without an end ends with its line, once: Triton refuses it, and no quote in it is looked at again.
_QUOTED_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*+"?|\'(?:\\.|[^\'\\\n])*+\'?|(?P<comment>#[^\n]*)')
_REFUSED = re.compile(r"\0|[^\x00-\x7f]")
_NOT_UTF8 = re.compile(r"[\udc80-\udcff]")


def decode(content: bytes, name: str) -> str:
    """Return the text of a file called ``name``.

    Raises:
        ConfigurationError: Triton refuses the bytes.
    """
    if content.startswith(_BYTE_ORDER_MARKS):
        raise ConfigurationError(f"{name!r} begins with a byte order mark, which Triton refuses; save it as UTF-8 without one")
    text = content.decode("utf-8", "surrogateescape")
    outside = _QUOTED_OR_COMMENT.sub(lambda match: re.sub(r"[^\0]", " ", match[0]), text)
    found = _REFUSED.search(outside)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise ConfigurationError(f"{name!r}, line {line}, has {_character(found[0])}, which Triton refuses there; remove it")
    return text


def _character(character: str) -> str:
    code = ord(character)
    if not code:
        return "a NUL byte"
    return f"the byte 0x{code - 0xDC00:02x}" if _NOT_UTF8.match(character) else f"the character {character!a}"


def encode(text: str) -> bytes:
    """Return the bytes of ``text``, those that are not UTF-8 included."""
    return text.encode("utf-8", "surrogateescape")


def comments_of(text: str) -> tuple[str, ...]:
    """Return the comments in ``text``, each without its end of line."""
    return tuple(match["comment"].rstrip("\r") for match in _QUOTED_OR_COMMENT.finditer(text) if match["comment"])


def check_shape(text: str, name: str) -> None:
    """Raise ConfigurationError if ``text``, of a file called ``name``, is too deep or too long for its parser."""
    outside = _QUOTED_OR_COMMENT.sub(lambda match: " " if match["comment"] else " t ", text)
    depth = deepest = 0
    for bracket in re.sub(r"[^][{}<>]+", "", outside):
        depth += 1 if bracket in "[{<" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise ConfigurationError(f"{name!r} is nested deeper than {MAX_DEPTH} levels; Triton reads no such file")
    # protobuf's parser is Python: 11 microseconds a word, and the file is parsed three times.
    count = sum(1 for _ in re.finditer(r"[\w.+-]+|[{<\[]", outside))
    if count > MAX_WORDS:
        raise ConfigurationError(
            f"{name!r} has {count:,} names and values; a config.pbtxt has {MAX_WORDS:,} at most; shorten it"
        )


def has_broken_quotes(text: str) -> bool:
    """Return whether a text in quotes has bytes that are not UTF-8."""
    return any(_NOT_UTF8.search(match[0]) for match in _QUOTED_OR_COMMENT.finditer(text) if not match["comment"])


def without_broken_bytes(text: str) -> str:
    """Return ``text`` without the bytes that are not UTF-8."""
    return _NOT_UTF8.sub("", text)


def printable(text: str) -> str:
    """Return ``text`` without surrogates, which no terminal can print."""
    return text.encode("utf-8", "backslashreplace").decode()
