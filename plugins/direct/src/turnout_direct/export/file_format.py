"""The interface of an export format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from turnout import ModelSignature
from turnout_direct.export.traceable import Traceable

if TYPE_CHECKING:
    import torch

Outputs = Sequence[NDArray[Any]]
Run = Callable[["tuple[torch.Tensor, ...]"], Outputs]


class FileFormat(Protocol):
    """A file format and the runtime that runs its files.

    Attributes:
        title: the format's name in messages.
        runtime: the runtime's name in messages.
    """

    title: str
    runtime: str

    def write(self, traceable: Traceable, file: Path) -> None:
        """Write ``traceable`` to ``file``, or raise ExportError."""

    def open(self, traceable: Traceable, file: Path) -> Run:
        """Return a function that runs ``file``; the runtime's errors pass through."""

    def signature(self, traceable: Traceable, file: Path, outputs: Mapping[int, Outputs]) -> ModelSignature:
        """Return the inputs and outputs of ``file``; ``outputs`` are its outputs for the examples, by batch size."""
