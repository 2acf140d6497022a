"""The files that hold an ONNX model: the file itself, and those with the weights that it stores outside.

Only the fields needed are read (onnx.proto3: ModelProto.graph 7; GraphProto.initializer 5; TensorProto.external_data 13;
StringStringEntryProto.key 1, value 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from turnout import ModelDeclaration
from turnout.errors import ModelLoadError
from turnout.tensors import ProtobufMessage
from turnout_onnxruntime.model_file import find_model_file
from turnout_onnxruntime.onnx_file import read_onnx
from turnout_onnxruntime.options import OnnxruntimeOptions


def find_model_files(model: ModelDeclaration, options: OnnxruntimeOptions) -> list[Path]:
    """Return the file of ``model``, and the files of its weights, without opening it.

    Raises:
        ModelLoadError: one of them does not exist.
    """
    file = find_model_file(options.path, model.folder, model.name)
    parts = [file.parent / name for name in external_names(file)]
    for part in parts:
        if not part.is_file():
            raise ModelLoadError(
                f"model {model.name!r}: {str(file)!r} keeps weights in {part.name!r}, and {str(part)!r} does not exist; "
                "put that file there"
            )
    return [file, *parts]


def external_names(file: Path) -> list[str]:
    """Return the names of the files, relative to the folder of ``file``, that hold its weights; empty if it is not ONNX."""
    return sorted(set(read_onnx(file, _locations)))


def _locations(model: ProtobufMessage) -> Iterator[str]:
    for entry in model.messages(7, 5, 13):
        if entry.text(1) == "location":
            yield entry.text(2)
