"""The check of foreign messages for values from the environment, which may be secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SHARED_CHARACTERS = 4


def leaks(message: str, secrets: Iterable[str]) -> bool:
    """Return whether ``message`` shares four characters in a row, or a whole shorter word, with one of ``secrets``.

    Strict on purpose: a plugin's message may show only a part of a value, or change its case.
    """
    text = message.casefold()
    parts = frozenset(_parts(text))
    return any(_contains(text, parts, secret.casefold()) for secret in secrets)


def _contains(text: str, parts: frozenset[str], secret: str) -> bool:
    if not secret.strip():
        return False
    if len(secret) < _SHARED_CHARACTERS:
        return re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text) is not None
    # A set, because a search of the text for each part of a long secret takes minutes.
    return any(part in parts for part in _parts(secret))


def _parts(text: str) -> Iterator[str]:
    return (text[start : start + _SHARED_CHARACTERS] for start in range(len(text) - _SHARED_CHARACTERS + 1))
