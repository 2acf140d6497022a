"""The length of generated answers."""

from __future__ import annotations

from dataclasses import dataclass

from turnout_direct.generation_family import GenerationFamily
from turnout_direct.generation_options import GenerationOptions

DEFAULT_TOKENS = 20


@dataclass(frozen=True, slots=True)
class LengthLimit:
    """The length of an answer: either ``max_length``, its start included, or ``max_new_tokens`` after the start."""

    max_length: int | None
    max_new_tokens: int | None

    def arguments(self) -> dict[str, int]:
        """Return the limit as a keyword argument of ``generate``."""
        if self.max_length is not None:
            return {"max_length": self.max_length}
        return {"max_new_tokens": self.max_new_tokens or DEFAULT_TOKENS}


def limit_of(family: GenerationFamily, options: GenerationOptions) -> LengthLimit:
    """Return the limit in the options, else the checkpoint's, else the default."""
    for settings in (options, family.decoder.generation_config):
        if settings.max_new_tokens is not None:
            return LengthLimit(None, settings.max_new_tokens)
        if settings.max_length is not None:
            return LengthLimit(settings.max_length, None)
    counts_image = family.start == "prompt" and family.image_token is not None
    return LengthLimit(None, DEFAULT_TOKENS) if counts_image else LengthLimit(DEFAULT_TOKENS, None)


def generated_width(family: GenerationFamily, limit: LengthLimit, prompt_length: int) -> int:
    """Return the width of ``generated_ids`` for prompts padded to ``prompt_length`` tokens."""
    if limit.max_length is not None:
        return limit.max_length
    return family.start_length(prompt_length) + (limit.max_new_tokens or DEFAULT_TOKENS)
