"""Looking into a ``.pt2`` archive before torch does.

``torch.export.load`` unpickles without limits what cannot be read otherwise (torch 2.13: payloads marked ``use_pickle``, sample
inputs, custom objects), so that a file could run code. What it would unpickle is read here first, with ``weights_only``.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

from turnout.errors import ModelLoadError


def check_archive(path: Path, model: str) -> None:
    """Return if everything in the archive can be read without running code.

    Raises:
        ModelLoadError: it cannot, or the file is no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # A comment could hide a second table of contents that torch's reader finds and this one does not.
            problem = "it has a zip comment" if archive.comment else _problem(archive)
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} is no archive of torch.export.save ({error}); correct 'path' or 'loader'"
        ) from error
    if problem:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} could run code when it is loaded: {problem}; "
            "save it again with torch.export.save, with plain tensors only"
        )


def _problem(archive: zipfile.ZipFile) -> str:
    for entry in archive.infolist():
        name = entry.filename
        with archive.open(entry) as file:
            if name.endswith("_config.json") and any(_pickled(file.read())):
                return f"{name!r} names a pickled payload"
            if "custom_obj" in Path(name).name:
                return f"{name!r} is a custom object"
            if name.endswith(".pt") and not _is_plain(file.read()):
                return f"{name!r} is a pickle of more than tensors"
    return ""


def _pickled(text: bytes) -> list[bool]:
    payloads = json.loads(text).get("config", {})
    return [bool(meta.get("use_pickle")) for meta in payloads.values()]


def _is_plain(data: bytes) -> bool:
    import torch

    if not data:
        return True
    try:
        torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        return False
    return True
