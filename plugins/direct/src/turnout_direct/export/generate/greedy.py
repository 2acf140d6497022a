"""Greedy decoding as one graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch  # noqa: TID253  this module is imported by an export only

if TYPE_CHECKING:
    from turnout_direct.export.generate.architecture import Architecture, Encoded

State = tuple[torch.Tensor, ...]
Loop = Callable[[Callable[..., torch.Tensor], Callable[..., State], State], State]


def python_loop(condition: Callable[..., torch.Tensor], body: Callable[..., State], state: State) -> State:
    """Run ``body`` while ``condition`` holds, as ``torch.while_loop`` does, without compiling anything."""
    while bool(condition(*state)):
        state = body(*state)
    return state


class GreedyDecoding(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Answers with the likeliest token at each position, ``pixel_values, input_ids, attention_mask -> generated_ids``.

    Every row is forced through its own prompt token by token, then chooses for itself: an answer depends on its row only.
    ``generated_ids`` INT64 [B, width] starts with the prompt; what follows a row's end token is its pad token.
    The loop ends when every row has ended. A prompt longer than ``width`` is cut.

    With ``new_tokens`` a row ends after so many of its own, else when ``width`` is full.
    """

    def __init__(
        self, architecture: Architecture, *, width: int, new_tokens: int | None = None, loop: Loop = torch.while_loop
    ) -> None:
        super().__init__()
        self.model = architecture.model
        self.architecture = architecture
        self.width = width
        self.new_tokens = width if new_tokens is None else new_tokens
        self.loop = loop

    def forward(self, pixel_values: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        encoded = self.architecture.encode(pixel_values, input_ids, attention_mask)
        columns = torch.arange(self.width, device=encoded.prompt.device)

        def unfinished(position: torch.Tensor, ids: torch.Tensor, done: torch.Tensor, *cache: torch.Tensor) -> torch.Tensor:
            return (position < self.width - 1) & ~done.all()

        def advance(position: torch.Tensor, ids: torch.Tensor, done: torch.Tensor, *cache: torch.Tensor) -> State:
            token = torch.index_select(ids, 1, position.reshape(1)).squeeze(1)
            logits, cache = self.architecture.step(token, position, encoded.memory, cache)
            following = position + 1
            forced = following < encoded.lengths
            chosen = torch.where(done, self.architecture.family.pad, logits.argmax(dim=-1))
            prompted = torch.index_select(ids, 1, following.reshape(1)).squeeze(1)
            ids = torch.where(columns == following, torch.where(forced, prompted, chosen).unsqueeze(1), ids)
            full = following + 1 >= encoded.lengths + self.new_tokens
            return following, ids, done | full | (~forced & self._ends(chosen)), *cache

        start = torch.zeros((), dtype=torch.int64, device=columns.device)
        done = torch.zeros_like(encoded.lengths, dtype=torch.bool)
        cache = self.architecture.empty_cache(encoded, self.width)
        return self.loop(unfinished, advance, (start, self._prompts(encoded, columns), done, *cache))[1]

    def _ends(self, tokens: torch.Tensor) -> torch.Tensor:
        ended = torch.zeros_like(tokens, dtype=torch.bool)
        for end in self.architecture.family.ends:
            ended = ended | (tokens == end)
        return ended

    def _prompts(self, encoded: Encoded, columns: torch.Tensor) -> torch.Tensor:
        pad = self.architecture.family.pad
        padded = torch.nn.functional.pad(encoded.prompt, (0, self.width), value=pad)[:, : self.width]
        return torch.where(columns < encoded.lengths.unsqueeze(1), padded, pad)
