"""The ONNX file that the option ``path`` names."""

from __future__ import annotations

from pathlib import Path

from turnout.errors import ModelLoadError
from turnout.repository.versions import check_version, missing_version, served_version, version_folder_of, versions

FILENAME = "model.onnx"


def find_model_file(path: Path, folder: Path, model: str, version: str = "") -> Path:
    """Return the file of ``path``, which is relative to ``folder``.

    If ``path`` is a model's folder in a model repository, this is the file of the version that a server would serve: of the
    versions with a ``model.onnx``, the greatest one that the version policy of its config.pbtxt allows; ``version``
    chooses another. A large model is a folder itself, ``model.onnx`` with a ``model.onnx`` and its weights inside.

    Raises:
        ModelLoadError: the file does not exist, or the folder has no such version.
    """
    file = folder / path
    if file.is_dir():
        inside = file / FILENAME
        file = _file_or_inside(inside) if inside.exists() else _served_file(file, model, version)
    if file.is_file():
        check_version(file, version, model)
        return file
    raise ModelLoadError(
        f"model {model!r}: file {str(file)!r} does not exist; correct 'path' of backend 'onnxruntime', "
        f"or write the file as this says: turnout status {model}"
    )


def find_version_folder(path: Path, folder: Path, version: str = "") -> Path | None:
    """Return the version folder that ``find_model_file`` looks into; None if ``path`` is in no model repository."""
    file = folder / path
    if not file.is_dir() or (file / FILENAME).exists():
        return version_folder_of([file])
    number = served_version(file, FILENAME, version)
    return None if number is None else file / str(number)


def _file_or_inside(file: Path) -> Path:
    return file / FILENAME if file.is_dir() else file


def _served_file(folder: Path, model: str, chosen: str) -> Path:
    present = versions(folder)
    if not present:
        raise ModelLoadError(
            f"model {model!r}: folder {str(folder)!r} has no version folder such as '1'; set 'path' of backend "
            f"'onnxruntime' to an ONNX file, or to a model's folder in a model repository"
        )
    version = served_version(folder, FILENAME, chosen)
    file = _file_or_inside(folder / str(version) / FILENAME)
    if version is not None and not file.is_file():
        raise ModelLoadError(
            f"model {model!r}: version {version} is served and has no {FILENAME}: {str(file)!r} is missing; put it there, "
            f"remove the empty folder, or write a version with: turnout export {model} --format onnx"
        )
    if version is None and chosen:
        raise missing_version(folder, chosen, model)
    if version is None:
        raise ModelLoadError(
            f"model {model!r}: no version in {str(folder)!r} that is served has {FILENAME}; it has {_names(folder, present)}; "
            f"write one with: turnout export {model} --format onnx"
        )
    return file


def _names(folder: Path, present: list[int]) -> str:
    """Return the versions with their files: ``1 (model.pt)``."""
    files = {version: sorted(file.name for file in (folder / str(version)).iterdir()) for version in present[-3:]}
    return ", ".join(f"{version} ({', '.join(names[:3]) or 'empty'})" for version, names in files.items())
