"""The format of a PyTorch file, by the names in its archive: nothing in it is unpickled."""

from __future__ import annotations

from pathlib import Path

from turnout.files.limits import MODEL
from turnout.files.zip_reader import ZipReader

TORCHSCRIPT, TORCH_EXPORT = "torchscript", "torch_export"


def torch_loader(file: Path) -> str:
    """Return the loader of backend ``direct`` for ``file``; empty for a checkpoint, and for what is not PyTorch's.

    A checkpoint of ``torch.save`` is such an archive too, but has no code.
    """
    try:
        with ZipReader(file, MODEL) as archive:
            # Every name begins with the name of the archive.
            names = [entry.filename.partition("/")[2] for entry in archive.entries]
    except (OSError, ValueError):
        return ""
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return TORCHSCRIPT
    exported = "serialized_exported_program.json" in names or any(
        name.startswith("models/") and name.endswith(".json") for name in names
    )
    return TORCH_EXPORT if exported else ""
