"""Reading of an ONNX file without a runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from turnout.errors import ModelLoadError
from turnout.files.limits import ONNX
from turnout.tensors import ProtobufMessage, open_protobuf

Found = TypeVar("Found")


def read_onnx(file: Path, read: Callable[[ProtobufMessage], Iterator[Found]]) -> list[Found]:
    """Return what ``read`` yields for the content of ``file``, whose weights stay on the disk.

    Empty for a file that is not ONNX: ONNX Runtime reports that error.

    Raises:
        ModelLoadError: the file cannot be read, is no regular file, or is too large.
    """
    try:
        with open_protobuf(file, ONNX) as model:
            return list(read(model))
    except OSError as error:
        raise ModelLoadError(f"{str(file)!r} cannot be read: {error.strerror or error}; export the model again") from error
    # A truncated file ends inside a field.
    except ValueError:
        return []
