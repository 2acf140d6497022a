"""The adoption that a user asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """Options of ``turnout adopt``.

    Attributes:
        source: a folder, a file, or a name, as the user wrote it.
        config: turnout.yaml; it may not exist yet.
        name: the name of the model in turnout.yaml; None for one that the source suggests.
        task: the task of the model; None for the one that the source names.
        format: the export format; None for the preferred one, then others.
        options: options of the backend that opens the source; they come before the found ones.
        step_options: options of the pipeline's step for the model, such as its preprocessing.
        inputs: datatypes and shapes of inputs, as in turnout.yaml; empty for those of the source.
        max_batch_size: the largest size of the batch axis; None to try 8, 1 and none.
        files: values for the pipeline's one required input, such as pictures.
        seconds: the load on each backend in the measurement; 0 for no measurement.
        again: repeat the stages that an earlier run has done.
        dry_run: open, export and write nothing.
        command: the command line of this request without --dry-run, as the user types it; empty for one with the source only.
    """

    source: str
    config: Path
    name: str | None = None
    task: str | None = None
    format: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    step_options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    max_batch_size: int | None = None
    files: Sequence[Path] = ()
    seconds: float = 1.0
    again: bool = False
    dry_run: bool = False
    command: str = ""

    @property
    def folder(self) -> Path:
        """The folder of turnout.yaml."""
        return self.config.absolute().parent
