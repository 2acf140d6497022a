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
    ``generated_ids`` INT64 [B, max_length] starts with the prompt; what follows a row's end token is its pad token.
    The loop ends when every row has ended. A prompt longer than ``max_length`` is cut.
    """

    def __init__(self, architecture: Architecture, *, max_length: int, loop: Loop = torch.while_loop) -> None:
        super().__init__()
        self.model = architecture.model
        self.architecture = architecture
        self.max_length = max_length
        self.loop = loop

    def forward(self, pixel_values: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        encoded = self.architecture.encode(pixel_values, input_ids, attention_mask)
        columns = torch.arange(self.max_length, device=encoded.prompt.device)
        ids = self._prompts(encoded, columns)

        def unfinished(position: torch.Tensor, ids: torch.Tensor, done: torch.Tensor, *cache: torch.Tensor) -> torch.Tensor:
            return (position < self.max_length - 1) & ~done.all()

        def advance(position: torch.Tensor, ids: torch.Tensor, done: torch.Tensor, *cache: torch.Tensor) -> State:
            here = position.reshape(1)
            token = torch.index_select(ids, 1, here).squeeze(1)
            logits, cache = self.architecture.step(token, position, encoded.memory, cache)
            forced = position + 1 < encoded.lengths
            chosen = torch.where(done, self.architecture.tokens.pad, logits.argmax(dim=-1))
            following = torch.where(forced, torch.index_select(ids, 1, here + 1).squeeze(1), chosen)
            ids = torch.where(columns == position + 1, following.unsqueeze(1), ids)
            done = done | (~forced & (chosen == self.architecture.tokens.end))
            return position + 1, ids, done, *cache

        start = torch.zeros((), dtype=torch.int64, device=ids.device)
        done = torch.zeros_like(encoded.lengths, dtype=torch.bool)
        cache = self.architecture.empty_cache(encoded, self.max_length)
        return self.loop(unfinished, advance, (start, ids, done, *cache))[1]

    def _prompts(self, encoded: Encoded, columns: torch.Tensor) -> torch.Tensor:
        pad = self.architecture.tokens.pad
        padded = torch.nn.functional.pad(encoded.prompt, (0, self.max_length), value=pad)[:, : self.max_length]
        return torch.where(columns < encoded.lengths.unsqueeze(1), padded, pad)
