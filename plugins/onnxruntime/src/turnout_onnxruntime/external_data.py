"""The files that hold an ONNX model: the file itself, and those with the weights that it stores outside.

Only the fields needed are read (onnx.proto3: ModelProto.graph 7; GraphProto.initializer 5; TensorProto.external_data 13;
StringStringEntryProto.key 1, value 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from turnout import ModelDeclaration
from turnout.errors import ConfigurationError, ModelLoadError
from turnout.files.inside import path_inside
from turnout.tensors import ProtobufMessage
from turnout_onnxruntime.model_file import find_model_file
from turnout_onnxruntime.onnx_file import read_onnx
from turnout_onnxruntime.options import OnnxruntimeOptions


def find_model_files(model: ModelDeclaration, options: OnnxruntimeOptions) -> list[Path]:
    """Return the file of ``model``, and the files of its weights, without opening it.

    Raises:
        ModelLoadError: one of them does not exist.
    """
    file = find_model_file(options.path, model.folder, model.name, model.version)
    return [file, *external_files(file, model.name).values()]


def external_files(file: Path, model: str) -> dict[str, Path]:
    """Return the files that hold the weights of the main graph of ``file``, by the names that it gives them.

    Empty if it is not ONNX. Weights in other files of the bodies of loops and branches are left to ONNX Runtime.

    Raises:
        ModelLoadError: one does not exist, or is not below the folder of ``file``, where a server looks too.
    """
    parts: dict[str, Path] = {}
    for name in sorted(set(read_onnx(file, _locations))):
        try:
            # A cache has links to the files of one other folder.
            parts[name] = path_inside(file.parent, name, file.resolve().parent)
        except ConfigurationError as error:
            raise ModelLoadError(
                f"model {model!r}: {str(file)!r} keeps weights in {name!r}, outside its folder, where a server does not look; "
                "save the model with its weights beside it"
            ) from error
        if not parts[name].is_file():
            raise ModelLoadError(
                f"model {model!r}: {str(file)!r} keeps weights in {name!r}, and {str(parts[name])!r} does not exist; "
                "put that file there"
            )
    return parts


def _locations(model: ProtobufMessage) -> Iterator[str]:
    for entry in model.messages(7, 5, 13):
        if entry.text(1) == "location":
            yield entry.text(2)
