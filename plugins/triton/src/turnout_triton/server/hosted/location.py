"""Where the file of a model is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def model_file(folder: Path, version: str, config: Mapping[str, Any], name: str) -> Path:
    """Return the file of a version of the model in ``folder``: the config's ``default_model_filename``, else ``name``.

    Raises:
        FileNotFoundError: it is not there.
    """
    file = folder / version / (config.get("default_model_filename") or name)
    if not file.exists():
        raise FileNotFoundError(f"version {version} has no file {str(file)!r}; write it, or correct default_model_filename")
    return file


def file_of_this_stub() -> Path:
    """Return the file of the model that this process serves.

    While the config is completed Triton does not say which; but it is the first argument that the stub is started with.
    """
    arguments = Path("/proc/self/cmdline").read_bytes().decode("utf-8").split("\0")
    return Path(arguments[1])
