"""Names of models in turnout.yaml, from names of files and folders."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from turnout.repository.versions import is_version
from turnout.settings.schema.file import MAX_NAME_LENGTH

_OTHER = re.compile(r"[^A-Za-z0-9_.-]+")
_NO_NAMES = frozenset({"model", "saved_model", "weights", "onnx"})
"""Names of files and folders that many models share."""


def model_names(wanted: Sequence[str]) -> list[str]:
    """Return a valid name for each of ``wanted``, all different; a name that is valid and wanted once stays as it is."""
    valid = {name for name in wanted if _clean(name) == name}
    names: list[str] = []
    for name in wanted:
        kept = name in valid and name not in names
        names.append(name if kept else _unused(_clean(name), valid.union(names)))
    return names


def wanted_name(file: Path, folder: Path) -> str:
    """Return the name that identifies ``file``: ``classifier`` for ``classifier/1/model.onnx``.

    The search ends at ``folder``, the folder of turnout.yaml, unless that is inside of the model's folder.
    """
    if file.stem.lower() not in _NO_NAMES:
        return file.stem
    # Not resolved: the name that a link has here is the one that the user knows.
    path, top = (Path(os.path.normpath(one.absolute())) for one in (file, folder))
    in_version = False
    for parent in path.parents:
        if parent == top and not in_version:
            break
        in_version = in_version or is_version(parent.name)
        if parent.name and not is_version(parent.name) and Path(parent.name).stem.lower() not in _NO_NAMES:
            return parent.name
    return file.stem


def _clean(name: str) -> str:
    """Return ``name`` with letters without their accents, and ``_`` for what a name of a model cannot have."""
    plain = "".join(character for character in unicodedata.normalize("NFKD", name) if not unicodedata.combining(character))
    return _OTHER.sub("_", plain).lstrip("_.-")[:MAX_NAME_LENGTH] or "model"


def _unused(name: str, used: set[str]) -> str:
    number, candidate = 1, name
    while candidate in used:
        number += 1
        candidate = f"{name[: MAX_NAME_LENGTH - len(str(number)) - 1]}_{number}"
    return candidate
