"""Greedy decoding, one token at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253  this module is imported by an export only

from turnout_direct.export.generate.loop import State, is_one_of, pad_prompts
from turnout_direct.export.generate.token_rules import TokenRules

if TYPE_CHECKING:
    from turnout_direct.export.generate.architecture import Architecture


class GreedyDecoding(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A decoding that selects the likeliest token at each position; its inputs are pixel_values, input_ids, attention_mask.

    Every row is forced through its own prompt token by token and then generates, so an answer depends on its row only.
    ``generated_ids`` INT64 [B, width] starts with the prompt; pad tokens follow a row's end token. The loop ends when every row
    has ended. A prompt longer than ``width`` is truncated.

    A row ends after ``new_tokens`` generated tokens; None means up to ``width``. ``rules`` change what is likely.
    """

    def __init__(
        self, architecture: Architecture, rules: TokenRules | None = None, *, width: int, new_tokens: int | None = None
    ) -> None:
        super().__init__()
        # Registered for its weights only: the architecture is not a module.
        self.model = architecture.model
        self.architecture = architecture
        self.rules = rules
        self.width = width
        self.new_tokens = width if new_tokens is None else new_tokens

    def begin(self, *inputs: torch.Tensor) -> tuple[State, State]:
        encoded = self.architecture.encode(*inputs)
        position, cache = self.architecture.begin(encoded, self.width)
        ids = pad_prompts(encoded, self.width, self.architecture.family.pad)
        done = torch.zeros_like(encoded.lengths, dtype=torch.bool)
        return (encoded.lengths, *encoded.memory), (position, ids, done, *cache)

    def unfinished(self, state: State) -> torch.Tensor:
        position, _, done, *_ = state
        return (position < self.width - 1) & ~done.all()

    def advance(self, constants: State, state: State) -> State:
        lengths, *memory = constants
        position, ids, done, *cache = state
        token = torch.index_select(ids, 1, position.reshape(1)).squeeze(1)
        logits, written = self.architecture.step(token, position, tuple(memory), tuple(cache))
        following = position + 1
        limits = (lengths + self.new_tokens).clamp(max=self.width)
        if self.rules is not None:
            logits = self.rules.apply(logits.float(), ids, following, lengths, limits)
        # Tokens of the row's own prompt are forced, whatever the model predicts.
        forced = following < lengths
        chosen = torch.where(done, self.architecture.family.pad, logits.argmax(dim=-1))
        prompted = torch.index_select(ids, 1, following.reshape(1)).squeeze(1)
        here = torch.arange(self.width, device=ids.device) == following
        ids = torch.where(here, torch.where(forced, prompted, chosen).unsqueeze(1), ids)
        ended = ~forced & is_one_of(chosen, self.architecture.family.ends)
        return following, ids, done | (following + 1 >= limits) | ended, *written

    def finish(self, state: State) -> torch.Tensor:
        return state[1]
