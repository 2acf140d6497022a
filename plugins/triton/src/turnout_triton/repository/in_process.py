"""The entry of the backend that can run a model of a repository in this process, by what its file is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from turnout_triton.repository.layout import ONNX_FILE
from turnout_triton.repository.options_from_config import escape_variables
from turnout_triton.repository.torch_file import torch_loader


def in_process_entry(model: Path, file: Path | None, backend: str, folder: Path) -> dict[str, Any]:
    """Return the entry for ``file``, which Triton's ``backend`` serves; empty if nothing in this process opens it.

    Args:
        model: the model's folder; a default file name follows its greatest version.
        file: the file of the greatest version; None if it has none.
        backend: Triton's name of the backend.
        folder: the folder of turnout.yaml, where the paths start.
    """
    if file is None or not file.is_file():
        return {}
    if backend == "onnxruntime":
        name = file.relative_to(model).parts[1]  # below the version; inside of it, if it is a folder
        return {"onnxruntime": {"path": relative_path(model if name == ONNX_FILE else file, folder)}}
    loader = torch_loader(file) if backend == "pytorch" else ""
    return {"direct": {"loader": loader, "path": relative_path(file, folder)}} if loader else {}


def relative_path(path: Path, folder: Path) -> str:
    """Return ``path`` as turnout.yaml in ``folder`` writes it."""
    whole, start = path.absolute(), folder.absolute()
    # Where a path leaves the folder, '..' starts at the place that a link leads to.
    relative = os.path.relpath(whole, start if whole.is_relative_to(start) else folder.resolve())
    return escape_variables(Path(relative).as_posix())
