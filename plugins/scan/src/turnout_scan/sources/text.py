"""The text of a Python file, in the encoding that it declares."""

from __future__ import annotations

import codecs
import io
import tokenize
from pathlib import Path

from turnout.errors import text_of
from turnout.files.limits import MIB, FileLimits
from turnout.files.regular import read_regular

SOURCE = FileLimits("a Python file to scan", 2 * MIB)
# No source is written in them; the time of some grows with the square of a text's length.
_REFUSED = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined"})


def read_source(file: Path) -> str:
    """Return the text of ``file``.

    Raises:
        ValueError: it is no text, with the reason.
        OSError: it cannot be read, or is larger than ``SOURCE`` allows.
    """
    content = read_regular(file, SOURCE)
    if b"\0" in content:
        raise ValueError("it has NUL bytes: a binary file, or UTF-16")
    return _decode(content)


def _decode(content: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        if codecs.lookup(encoding).name in _REFUSED:
            raise ValueError(f"its encoding is {encoding!r}, which is for no source")
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not {error.encoding}") from None
    except (SyntaxError, LookupError) as error:
        raise ValueError(f"its encoding is unknown: {text_of(error)}") from None
