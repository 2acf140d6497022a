"""The labels of a checkpoint: ``id2label`` of its ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout.errors import ConfigurationError
from turnout_vision.brief_text import brief
from turnout_vision.checkpoints.checkpoint import Checkpoint

# A key of a few characters could ask for a list of any length.
MAX_LABELS = 1_000_000


def checkpoint_labels(checkpoint: Checkpoint | None) -> tuple[str, ...]:
    """Return the labels of ``checkpoint`` by index, ``LABEL_3`` where one has no name; empty if it names none. May block.

    Raises:
        ConfigurationError: config.json is broken or unreachable, or its ``id2label`` is not a mapping of indexes to names.
    """
    config = (checkpoint.json("config.json") or {}) if checkpoint else {}
    named = config.get("id2label")
    if checkpoint is None or named is None:
        return ()
    labels = _read_labels(named, f"id2label in config.json of checkpoint {checkpoint.name!r}")
    return tuple(labels.get(index, unnamed_label(index)) for index in range(max(labels, default=-1) + 1))


def unnamed_label(index: int) -> str:
    """Return the name of a class without one, as transformers writes it."""
    return f"LABEL_{index}"


def _read_labels(named: Any, where: str) -> dict[int, str]:
    if not isinstance(named, Mapping):
        raise ConfigurationError(f'{where} is {brief(named)}; write {{"0": "first label", "1": "second label"}}')
    return {_read_index(key, where): _read_name(key, name, where) for key, name in named.items()}


def _read_index(key: str, where: str) -> int:
    if not (key.isascii() and key.isdecimal() and len(key) <= 7 and int(key) < MAX_LABELS):
        raise ConfigurationError(f"{where} has the key {brief(key)}; write an index from 0 to {MAX_LABELS - 1}")
    return int(key)


def _read_name(key: str, name: Any, where: str) -> str:
    if not isinstance(name, str):
        raise ConfigurationError(f"{where}: the label of {key} is {brief(name)}; write a text")
    return name
