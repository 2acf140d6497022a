"""How a model generates: the part ``generate:`` of the options of ``direct``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class GenerateOptions(BaseModel):
    """What transformers' ``generate`` is told, in its own words; what is left out stays as the checkpoint has it.

    Answers never depend on chance: there is no sampling, and one answer a row.

    Attributes:
        max_new_tokens: the most tokens after the prompt.
        max_length: the most tokens with the prompt; not together with ``max_new_tokens``.
        min_new_tokens: no end before this many tokens after the prompt.
        min_length: no end before this many tokens with the prompt.
        num_beams: how many beams to search; 1 is greedy.
        length_penalty: above 0 favours long beams.
        early_stopping: when beam search may stop.
        no_repeat_ngram_size: no group of so many tokens comes twice; 0 allows it.
        repetition_penalty: above 1 makes used tokens less likely.
        suppress_tokens: ids that are never chosen.
        do_sample: may be written, as false.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    def _one_limit(cls, max_length: int | None, info: ValidationInfo) -> int | None:
        if max_length is not None and info.data.get("max_new_tokens") is not None:
            raise ValueError("'max_length' and 'max_new_tokens' both limit the answer; keep one of them")
        return max_length

    @field_validator("do_sample")
    @classmethod
    def _no_chance(cls, do_sample: bool) -> bool:  # noqa: FBT001  # pydantic calls it
        if do_sample:
            raise ValueError("'do_sample: true' makes answers depend on chance, so no two backends could agree; remove it")
        return do_sample

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments for ``generate``, those that were set only."""
        given = {name: value for name, value in self if value is not None}
        if "suppress_tokens" in given:
            given["suppress_tokens"] = list(given["suppress_tokens"])
        return given
