"""The file of a model version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def version_file(folder: Path, version: str, config: Mapping[str, Any], name: str) -> Path:
    """Return the file of a version of the model in ``folder``: the config's ``default_model_filename``, or ``name``.

    Where that is a folder, as of a large ONNX model with its weights, the file is ``name`` in it.

    Raises:
        FileNotFoundError: it does not exist.
    """
    own = config.get("default_model_filename") or name
    file = file_inside(folder / version / own, name)
    if ".." in Path(own).parts or Path(own).is_absolute() or not file.exists():
        raise FileNotFoundError(f"version {version} has no file {str(file)!r}; write it, or correct default_model_filename")
    return file


def file_inside(path: Path, name: str) -> Path:
    """Return ``path``, or the file ``name`` in it if it is a folder."""
    return path / name if path.is_dir() else path


def file_of_this_stub() -> Path:
    """Return the file of the model that this process serves.

    Triton (core 2.51) does not pass it to ``auto_complete_config``, but it is the first argument of the stub's command line.
    """
    arguments = Path("/proc/self/cmdline").read_bytes().decode("utf-8").split("\0")
    return Path(arguments[1])
