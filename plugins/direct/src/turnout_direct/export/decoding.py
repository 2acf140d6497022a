"""The interface of a decoding loop, which a format writes as one graph or traces method by method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    State = tuple[torch.Tensor, ...]


class Decoding(Protocol):
    """A decoding loop: ``begin``, then ``advance`` while ``unfinished``, then ``finish``.

    A Decoding is a ``torch.nn.Module`` without a ``forward``. All methods accept and return tensors only, without Python
    control flow that depends on them, so each can be traced. ``constants`` never change; ``state`` keeps its shapes.
    """

    def begin(self, *inputs: torch.Tensor) -> tuple[State, State]:
        """Return constants and initial state for a batch of inputs."""

    def unfinished(self, state: State) -> torch.Tensor:
        """Return BOOL []: true until every row has ended."""

    def advance(self, constants: State, state: State) -> State:
        """Return the state one token further."""

    def finish(self, state: State) -> torch.Tensor:
        """Return ``generated_ids`` INT64 [B, width]."""
