"""The parts of a decoding loop, which an exporter may write as one graph or trace one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    State = tuple[torch.Tensor, ...]


class Decoding(Protocol):
    """The parts of the loop ``begin``, while ``unfinished``: ``advance``, ``finish``.

    A Decoding is a ``torch.nn.Module`` without a ``forward``. All parts take and return tensors only, and decide nothing in
    Python, so that each can be traced. What ``constants`` hold is the same in every round; ``state`` keeps its shapes.
    """

    def begin(self, *inputs: torch.Tensor) -> tuple[State, State]:
        """Return constants and first state for a batch of inputs."""

    def unfinished(self, state: State) -> torch.Tensor:
        """Return BOOL []: a row has not ended."""

    def advance(self, constants: State, state: State) -> State:
        """Return the state one token further."""

    def finish(self, state: State) -> torch.Tensor:
        """Return ``generated_ids`` INT64 [B, width]."""
