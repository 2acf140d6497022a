"""Whether a stranger's message shows what came from the environment."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SHARED = 4


def leaks(message: str, secrets: Iterable[str]) -> bool:
    """Tell whether ``message`` shares four characters in a row, or a whole shorter word, with one of ``secrets``.

    Strict on purpose: a plugin's message may show only a part of a value, or change its case.
    """
    text = message.casefold()
    return any(_shows(text, secret.casefold()) for secret in secrets)


def _shows(text: str, secret: str) -> bool:
    if not secret.strip():
        return False
    if len(secret) < _SHARED:
        return re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text) is not None
    return any(secret[start : start + _SHARED] in text for start in range(len(secret) - _SHARED + 1))
