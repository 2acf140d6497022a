"""Sources of models: what ``turnout adopt`` asks a backend, and the models that the backend finds there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """A source whose models a user wants.

    Attributes:
        text: the source as the user wrote it: a folder, a file, a name.
        folder: the folder of turnout.yaml.
        path: the source as a path in turnout.yaml, if it is a file or a folder on this machine; else empty.
        options: options of the backend that the user gives, such as ``sha256``; they come before the found ones.
    """

    text: str
    folder: Path
    path: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceModel:
    """A model that a backend found in a source.

    Attributes:
        name: its name for turnout.yaml, where no other model has it.
        options: the options that open it on the backend.
        settings: its other keys in turnout.yaml: ``inputs``, ``outputs``, ``max_batch_size``.
        alternatives: other ``settings``, which are tried in this order if the model cannot answer, or be exported, with those
            before.
        kind: its class or format, such as ``ViTForImageClassification``.
        task: its task, by which steps know it, such as ``image-classification``; empty if it is not known.
        role: what it is among the models of its source, such as ``text``; empty for the only one.
        remarks: messages for the user, one line each.
        inputs: the names of all inputs, where the source says them; empty if they are not known.
        fixed_batch: the only size of the batch axis that the source takes; None if it is free, or not known.
    """

    name: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    alternatives: tuple[Mapping[str, Any], ...] = ()
    kind: str = ""
    task: str = ""
    role: str = ""
    remarks: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    fixed_batch: int | None = None
