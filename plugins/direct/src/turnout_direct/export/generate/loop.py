"""The decoding loop as one module, and functions that every decoding shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch  # noqa: TID253  this module is imported by an export only

from turnout_direct.export.decoding import Decoding

if TYPE_CHECKING:
    from turnout_direct.export.generate.architecture import Encoded

State = tuple[torch.Tensor, ...]
Loop = Callable[[Callable[..., torch.Tensor], Callable[..., State], State], State]


def python_loop(condition: Callable[..., torch.Tensor], body: Callable[..., State], state: State) -> State:
    """Run ``body`` while ``condition`` is true, like ``torch.while_loop`` but without compiling."""
    while bool(condition(*state)):
        state = body(*state)
    return state


class DecodingLoop(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Runs a decoding; ``generated_ids`` is its only output. ``loop`` is ``torch.while_loop`` or has its signature."""

    def __init__(self, decoding: Decoding, loop: Loop = torch.while_loop) -> None:
        super().__init__()
        self.decoding = decoding
        self.loop = loop

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor]:
        constants, state = self.decoding.begin(*inputs)
        state = self.loop(
            lambda *state: self.decoding.unfinished(state), lambda *state: self.decoding.advance(constants, state), state
        )
        return (self.decoding.finish(state),)


class FixedPromptDecoding(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A decoding without prompts as inputs, such as ``pixel_values`` alone; every row has the same prompt of ``tokens``."""

    def __init__(self, decoding: Decoding, tokens: tuple[int, ...]) -> None:
        super().__init__()
        self.decoding = decoding
        self.register_buffer("tokens", torch.tensor([tokens]), persistent=False)

    def begin(self, *pictures: torch.Tensor) -> tuple[State, State]:
        ids = self.tokens.expand(pictures[0].shape[0], -1)
        return self.decoding.begin(*pictures, ids, torch.ones_like(ids))

    def unfinished(self, state: State) -> torch.Tensor:
        return self.decoding.unfinished(state)

    def advance(self, constants: State, state: State) -> State:
        return self.decoding.advance(constants, state)

    def finish(self, state: State) -> torch.Tensor:
        return self.decoding.finish(state)


def pad_prompts(encoded: Encoded, width: int, pad: int) -> torch.Tensor:
    """Return INT64 [B, width]: each row's prompt, truncated to ``width``, then the pad token."""
    columns = torch.arange(width, device=encoded.prompt.device)
    padded = torch.nn.functional.pad(encoded.prompt, (0, width), value=pad)[:, :width]
    return torch.where(columns < encoded.lengths.unsqueeze(1), padded, pad)


def is_one_of(tokens: torch.Tensor, wanted: tuple[int, ...]) -> torch.Tensor:
    """Return BOOL with the shape of ``tokens``: true for a token that is one of ``wanted``."""
    found = torch.zeros_like(tokens, dtype=torch.bool)
    for token in wanted:
        found = found | (tokens == token)
    return found
