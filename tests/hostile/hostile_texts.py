"""Texts that try to drive a terminal, to forge a line, or to hide."""

from __future__ import annotations

TEXTS = {
    "clear": "\x1b[2J\x1b[Hcleared",
    "title": "\x1b]0;owned\x07rest",
    "link": "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
    "c1": "\x9b31mred\x9d0;t\x9c",
    "bell": "ring\x07\x08\x7f",
    "return": "good\rerror: overwritten",
    "forged": "x\nerror: forged line\nnext: rm -rf ~",
    "windows": "x\r\nerror: forged line",
    "vertical": "a\x0bb\x0cc\x85d",
    "separators": "a\u2028error: forged\u2029b",
    "bidi": "photo\u202egnp.exe\u202c",
    "isolates": "a\u2066b\u2069c\u061cd\u200fe",
    "zero": "a\u200bb\u200cc\u200dd\ufeffe\u00adf",
    "tags": "a\U000e0041\U000e0042b",
    "selectors": "a\ufe00\ufe01\U000e0100b",
    "fillers": "a\u3164b\u115fc\uffa0d\u2800e",
    "pile": "e" + "\u0301" * 40,
    "thai-pile": "\u0e01" + "\u0e47" * 40,
    "hebrew-pile": "\u05d0" + "\u05b8\u0591" * 20,
    "long": "long" * 5_000,
    "wide": "日本" * 3_000,
    "escapes": "\\x1b[2J \\n %s %d {0} {x} [bold] $HOME `id` ${TRITON_URL}",
}
"""Texts by a name of each."""

FILE_NAMES = {name: text.replace("/", "_") for name, text in TEXTS.items() if name not in ("long", "wide")} | {
    "bytes": "a\udcff\udc9bb",
    "option": "-rf --config=\x1b[2J",
}
"""Texts that can be the name of a file; no file system of ours takes 255 bytes or more."""
