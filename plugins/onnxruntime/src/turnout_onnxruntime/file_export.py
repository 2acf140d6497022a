"""Publishing of an ONNX file that exists: copied with its weights, and compared with the original bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout.errors import ExportError, ModelLoadError
from turnout.files.inside import place_inside
from turnout_onnxruntime.external_data import external_files
from turnout_onnxruntime.file_proof import prove_copy
from turnout_onnxruntime.inference import OnnxruntimeInference
from turnout_onnxruntime.model_file import FILENAME, find_model_file
from turnout_onnxruntime.opening import open_model
from turnout_onnxruntime.options import OnnxruntimeOptions


def is_file(model: ModelDeclaration, options: OnnxruntimeOptions) -> bool:
    """Return whether ``path`` names an ONNX file, or the folder of a large one, and no model's folder in a repository."""
    path = model.folder / options.path
    return path.is_file() or (path.is_dir() and path.suffix == ".onnx" and (path / FILENAME).is_file())


def export_file(request: ExportRequest) -> ModelSignature:
    """Copy the ONNX file of ``request`` with its weights; return its inputs and outputs. Blocks while it runs both.

    Raises:
        ExportError: there is no such file, it cannot be copied, or the copy answers otherwise.
    """
    model, options = request.model, request.options
    source = _find_source(model, options)
    _copy(source, request.file, model.name)
    original, copy = _open(model, options, source), _open(model, options, request.file)
    try:
        facts = prove_copy(original, copy, model)
        signature = copy.signature()
    finally:
        original.close()
        copy.close()
    request.report({"runtime": "onnxruntime", "reference": source.name, **facts})
    return signature


def _find_source(model: ModelDeclaration, options: OnnxruntimeOptions) -> Path:
    if not is_file(model, options) and (model.folder / options.path).is_dir():
        raise ExportError(
            f"model {model.name!r}: 'path' of backend 'onnxruntime' is {str(options.path)!r}, a model's folder in a repository "
            f"and no file to export; set 'path' to an ONNX file, or for the configuration alone: turnout export {model.name} "
            "--config-only"
        )
    try:
        return find_model_file(options.path, model.folder, model.name)
    except ModelLoadError as error:
        raise ExportError(str(error).partition(", or write the file")[0]) from error


def _copy(source: Path, file: Path, model: str) -> None:
    shutil.copyfile(source, file)
    try:
        parts = external_files(source, model)
    except ModelLoadError as error:
        raise ExportError(str(error)) from error
    for name, part in parts.items():
        target = place_inside(file.parent, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(part, target)


def _open(model: ModelDeclaration, options: OnnxruntimeOptions, file: Path) -> OnnxruntimeInference:
    return open_model(model, options.model_copy(update={"path": file.absolute()}))
