"""JSON with limits: what it costs is known before it is parsed, and every value is one that a program can use."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turnout.files.limits import FileLimits
from turnout.files.regular import decode_utf8, read_regular

_MAX_DIGITS = 40
_SEARCHED = 100_000
# Half a character: Python holds it, and no file or terminal takes it.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


class JsonLimitError(ValueError):
    """JSON that is deeper or longer than a limit allows.

    Attributes:
        limit: the name of the limit in ``FileLimits``.
    """

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit


def read_json(file: Path, limits: FileLimits) -> Any:
    """Return the value in ``file``.

    Raises:
        OSError: it cannot be read, is no regular file, or is too large.
        ValueError: it is not JSON within ``limits``; the message has no name of the file.
    """
    return parse_json(read_regular(file, limits), limits)


def parse_json(content: bytes | str, limits: FileLimits) -> Any:
    """Return the value that ``content`` is.

    Raises:
        json.JSONDecodeError: it is not JSON.
        JsonLimitError: it is deeper or longer than ``limits`` allow.
        ValueError: it is larger than they allow, has a key twice, or a number that no float holds.
    """
    if len(content) > limits.max_bytes:
        raise ValueError(f"{limits.kind} has {limits.max_bytes} bytes at most, this one has {len(content)}")
    text = decode_utf8(content) if isinstance(content, bytes) else content
    _check_shape(text, limits)
    try:
        value = _decoder(limits)(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not limits.any_text and _HALF.search(text):
        _check_texts(value)
    return value


def parse_json_or_text(text: str, limits: FileLimits) -> Any:
    """Return the value that ``text`` is, or ``text`` itself if it is not JSON.

    Raises:
        ValueError: it is JSON outside of ``limits``, or a text that is not UTF-8.
    """
    try:
        return parse_json(text, limits)
    except ValueError:
        if len(text) > limits.max_bytes or _is_json(text):
            raise
    _check_texts(text)
    return text


def _is_json(text: str) -> bool:
    """Return whether ``text`` is JSON without the limits; "Infinity pool" only begins like it."""
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError:
        return False
    except RecursionError:
        return True
    return True


def _decoder(limits: FileLimits) -> Callable[[str], Any]:
    decoder = json.JSONDecoder(
        object_pairs_hook=_object,
        parse_int=_integer,
        parse_float=float if limits.infinite else _finite,
        parse_constant=float if limits.infinite else _refuse_constant,
    )
    return decoder.decode


def _check_shape(text: str, limits: FileLimits) -> None:
    """Raise JsonLimitError if ``text`` has more values or levels than ``limits`` allow. Counts, and builds nothing."""
    opened = text.count("[") + text.count("{")
    values = text.count(",") + opened
    if values <= limits.max_values and opened <= limits.max_depth:
        return
    # Commas and brackets of texts are no values; searching for texts among many more of them takes too long.
    marks = re.sub(r"[^\[\]{},]+", "", _STRINGS.sub("", text)) if values <= max(2 * limits.max_values, _SEARCHED) else text
    if sum(map(marks.count, ",[{")) > limits.max_values:
        raise JsonLimitError("max_values", f"it has more than {limits.max_values} values")
    depth = 0
    for mark in marks.replace(",", ""):
        depth += 1 if mark in "[{" else -1
        if depth > limits.max_depth:
            raise JsonLimitError("max_depth", f"it is nested deeper than {limits.max_depth} levels")


def _check_texts(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text in it has half a character, which is no Unicode") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice!r:.80} is there twice")
    return found


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a whole number has {len(text)} digits, {_MAX_DIGITS} at most are allowed")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text:.40} is too large for a float")
    return value


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
