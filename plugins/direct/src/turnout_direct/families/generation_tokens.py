"""The tokens of a decoder's generation settings."""

from __future__ import annotations

from typing import Any


def end_tokens(settings: Any) -> tuple[int, ...]:
    """Return the ids that end an answer by ``settings``, a ``GenerationConfig``."""
    end = settings.eos_token_id
    return tuple(end) if isinstance(end, list | tuple) else () if end is None else (end,)


def pad_token(settings: Any) -> int:
    """Return the id that fills a row after its end, as transformers chooses it."""
    return int(settings.pad_token_id if settings.pad_token_id is not None else next(iter(end_tokens(settings)), 0))
