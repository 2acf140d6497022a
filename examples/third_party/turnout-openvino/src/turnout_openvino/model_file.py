"""The model file that the option ``path`` names."""

from __future__ import annotations

from pathlib import Path

from turnout.errors import ModelLoadError
from turnout.repository.versions import check_version, missing_version, served_version, version_folder_of

FILENAME = "model.onnx"
"""The file of a version in a model repository."""


def find_model_file(path: Path, folder: Path, model: str, version: str = "") -> Path:
    """Return the file of ``path``, which is relative to ``folder``.

    Of a model's folder in a model repository this is the ``model.onnx`` of the version that a server would serve; ``version``
    chooses another.

    Raises:
        ModelLoadError: the file does not exist, is neither ONNX nor .xml by its name, or the folder has no such version.
    """
    file = folder / path
    if file.is_dir():
        number = served_version(file, FILENAME, version)
        if number is None and version:
            raise missing_version(file, version, model)
        file = file / str(number or 1) / FILENAME
    if not file.is_file():
        raise ModelLoadError(f"model {model!r}: file {str(file)!r} does not exist; correct 'path' of backend 'openvino'")
    if file.suffix.lower() not in (".onnx", ".xml"):
        raise ModelLoadError(
            f"model {model!r}: {str(file)!r} is neither an .onnx nor an .xml file; correct 'path' of backend 'openvino'"
        )
    check_version(file, version, model)
    return file


def find_version_folder(path: Path, folder: Path, version: str = "") -> Path | None:
    """Return the version folder that ``find_model_file`` looks into; None if ``path`` is in no model repository."""
    file = folder / path
    if not file.is_dir():
        return version_folder_of([file])
    number = served_version(file, FILENAME, version)
    return None if number is None else file / str(number)
