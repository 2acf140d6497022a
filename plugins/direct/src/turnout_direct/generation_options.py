"""Options of generation: the key ``generate:`` of backend ``direct``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from turnout import Options


class GenerationOptions(Options):
    """Arguments of transformers' ``generate``, with its names; the checkpoint's settings apply to keys that are not set.

    Answers are deterministic: there is no sampling, and one answer for each row.

    Attributes:
        max_new_tokens: the maximum number of tokens after the prompt.
        max_length: the maximum number of tokens with the prompt; not together with ``max_new_tokens``.
        min_new_tokens: the minimum number of tokens after the prompt.
        min_length: the minimum number of tokens with the prompt.
        num_beams: the number of beams; 1 is greedy decoding.
        length_penalty: above 0 favors long beams.
        early_stopping: the condition that ends beam search.
        no_repeat_ngram_size: n-grams of this size occur once only; 0 allows repeats.
        repetition_penalty: above 1 makes tokens that already occurred less likely.
        suppress_tokens: ids that are never generated.
        do_sample: may be written, as false.
    """

    max_new_tokens: int | None = Field(None, ge=1)
    max_length: int | None = Field(None, ge=1)
    min_new_tokens: int | None = Field(None, ge=0)
    min_length: int | None = Field(None, ge=0)
    num_beams: int | None = Field(None, ge=1)
    length_penalty: float | None = Field(None, allow_inf_nan=False)
    early_stopping: bool | Literal["never"] | None = None
    no_repeat_ngram_size: int | None = Field(None, ge=0)
    repetition_penalty: float | None = Field(None, gt=0, allow_inf_nan=False)
    suppress_tokens: tuple[int, ...] | None = None
    do_sample: bool = False

    @field_validator("max_length")
    @classmethod
    def _check_single_limit(cls, max_length: int | None, info: ValidationInfo) -> int | None:
        if max_length is not None and info.data.get("max_new_tokens") is not None:
            raise ValueError("'max_length' and 'max_new_tokens' both limit the answer; keep one of them")
        return max_length

    @field_validator("do_sample")
    @classmethod
    def _refuse_sampling(cls, do_sample: bool) -> bool:  # noqa: FBT001  # pydantic calls it
        if do_sample:
            raise ValueError("'do_sample: true' makes answers random, so two backends could not be compared; remove it")
        return do_sample

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments for ``generate``, without keys that are not set."""
        given = {name: value for name, value in self if value is not None}
        if "suppress_tokens" in given:
            given["suppress_tokens"] = list(given["suppress_tokens"])
        return given
