"""What an exporter must know of a file format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from turnout import ModelSignature
from turnout_direct.export.traceable import Traceable

if TYPE_CHECKING:
    import torch

Answers = Sequence[NDArray[Any]]
Run = Callable[["tuple[torch.Tensor, ...]"], Answers]


class FileFormat(Protocol):
    """A format, with the runtime that its files are for.

    Attributes:
        title: the format's name in messages.
        runtime: the runtime's name in messages.
    """

    title: str
    runtime: str

    def write(self, traceable: Traceable, file: Path) -> None:
        """Write ``traceable`` to ``file``, or raise ExportError."""

    def open(self, traceable: Traceable, file: Path) -> Run | None:
        """Return what answers with ``file``, or None where the runtime is not installed; may raise what the runtime raises."""

    def signature(self, traceable: Traceable, file: Path, answers: Mapping[int, Answers]) -> ModelSignature:
        """Return the inputs and outputs of ``file``; ``answers`` are what it answered to examples of some batch sizes."""
