"""Finding the ONNX file that ``path`` stands for."""

from __future__ import annotations

from pathlib import Path

from turnout.errors import ModelLoadError

FILENAME = "model.onnx"


def find_model_file(path: Path, folder: Path, model: str) -> Path:
    """Return the file of ``path``, which starts in ``folder`` if it is relative.

    A folder is a model's folder in a model repository: the greatest version is taken, as Triton's default version policy
    does.

    Raises:
        ModelLoadError: there is no such file, or no version folder with a ``model.onnx``.
    """
    file = folder / path
    if file.is_file():
        return file
    if file.is_dir():
        return _latest_version(file, model)
    raise ModelLoadError(
        f"model {model!r}: there is no file {str(file)!r}; correct 'path' of backend 'onnxruntime', "
        f"or write the file with: turnout export {model} --format onnx"
    )


def _latest_version(folder: Path, model: str) -> Path:
    versions = [entry for entry in folder.iterdir() if _is_version(entry.name) and entry.is_dir()]
    if not versions:
        raise ModelLoadError(
            f"model {model!r}: folder {str(folder)!r} has no version folder such as '1'; point 'path' of backend "
            f"'onnxruntime' to an ONNX file, or to a model's folder in a model repository"
        )
    file = max(versions, key=lambda version: int(version.name)) / FILENAME
    if not file.is_file():
        raise ModelLoadError(
            f"model {model!r}: the latest version has no {FILENAME}: {str(file)!r} is missing; "
            f"write it with: turnout export {model} --format onnx"
        )
    return file


def _is_version(name: str) -> bool:
    # Triton ignores version folders whose names start with a zero.
    return name.isascii() and name.isdecimal() and not name.startswith("0")
