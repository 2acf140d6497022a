"""The ONNX file that the option ``path`` names."""

from __future__ import annotations

from pathlib import Path

from turnout.errors import ModelLoadError
from turnout.repository.versions import latest_version

FILENAME = "model.onnx"


def find_model_file(path: Path, folder: Path, model: str) -> Path:
    """Return the file of ``path``, which is relative to ``folder``.

    If ``path`` is a model's folder in a model repository, this is the file of its greatest version, as in Triton's default
    version policy. A large model is a folder itself, ``model.onnx`` with a ``model.onnx`` and its weights inside.

    Raises:
        ModelLoadError: the file does not exist, or the folder has no version folder with a ``model.onnx``.
    """
    file = folder / path
    if file.is_file():
        return file
    if file.is_dir():
        inside = file / FILENAME
        return _file_or_inside(inside) if inside.exists() else _latest_version(file, model)
    raise ModelLoadError(
        f"model {model!r}: file {str(file)!r} does not exist; correct 'path' of backend 'onnxruntime', "
        f"or write the file with: turnout export {model} --format onnx"
    )


def _file_or_inside(file: Path) -> Path:
    return file / FILENAME if file.is_dir() else file


def _latest_version(folder: Path, model: str) -> Path:
    version = latest_version(folder)
    if version is None:
        raise ModelLoadError(
            f"model {model!r}: folder {str(folder)!r} has no version folder such as '1'; set 'path' of backend "
            f"'onnxruntime' to an ONNX file, or to a model's folder in a model repository"
        )
    file = _file_or_inside(folder / str(version) / FILENAME)
    if not file.is_file():
        raise ModelLoadError(
            f"model {model!r}: the latest version has no {FILENAME}: {str(file)!r} is missing; "
            f"write it with: turnout export {model} --format onnx"
        )
    return file
