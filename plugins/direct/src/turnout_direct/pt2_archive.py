"""Security check of ``.pt2`` archives, made before torch loads them.

``torch.export.load`` unpickles some records without limits (torch 2.13: payloads marked ``use_pickle``, sample inputs, custom
objects), so a file could run code. This module reads those records first, with ``weights_only``.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

from turnout.errors import ModelLoadError


def check_archive(path: Path, model: str) -> None:
    """Raise ModelLoadError if a record of the archive could run code, or the file is not an archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            # A comment can hide a second table of contents, which torch's reader finds and zipfile does not.
            problem = "it has a zip comment" if archive.comment else _find_problem(archive)
    except OSError as error:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} cannot be read: {error.strerror or error}; give this user access to it"
        ) from error
    except (zipfile.BadZipFile, ValueError) as error:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} is not an archive of torch.export.save ({error}); correct 'path' or 'loader'"
        ) from error
    if problem:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} could run code when it is loaded: {problem}; "
            "save it again with torch.export.save, with plain tensors only"
        )


def _find_problem(archive: zipfile.ZipFile) -> str:
    for entry in archive.infolist():
        name = entry.filename
        with archive.open(entry) as file:
            if name.endswith("_config.json") and _has_pickled_payload(file.read()):
                return f"{name!r} names a pickled payload"
            if "custom_obj" in Path(name).name:
                return f"{name!r} is a custom object"
            if name.endswith(".pt") and not _is_plain(file.read()):
                return f"{name!r} is a pickle of more than tensors"
    return ""


def _has_pickled_payload(text: bytes) -> bool:
    payloads = json.loads(text).get("config", {})
    return any(meta.get("use_pickle") for meta in payloads.values())


def _is_plain(data: bytes) -> bool:
    import torch

    if not data:
        return True
    try:
        torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        return False
    return True
