"""The model of an ONNX file, for ``turnout adopt``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout import SourceModel, SourceRequest
from turnout.errors import ConfigurationError, ModelLoadError
from turnout.tensors import ProtobufMessage
from turnout_onnxruntime.model_file import FILENAME
from turnout_onnxruntime.onnx_file import read_onnx
from turnout_onnxruntime.onnx_shapes import read_shapes

_SUFFIX = ".onnx"
_BATCH = 8
_TASKS: Mapping[str, str] = {
    "classify": "image-classification",
    "detect": "object-detection",
    "segment": "",
    "pose": "",
    "obb": "",
}
"""The tasks that Ultralytics writes into the metadata of its files."""


def find_sources(request: SourceRequest) -> Sequence[SourceModel]:
    """Return the model of an ONNX file, or of the folder of a large one; none for another source. Opens no session.

    Raises:
        ConfigurationError: the file is empty, or is not ONNX.
    """
    path = request.folder / request.path
    if not request.path or path.suffix.lower() != _SUFFIX:
        return ()
    file = path / FILENAME if path.is_dir() else path
    try:
        shapes, metadata = read_shapes(file), dict(read_onnx(file, _metadata))
    except ModelLoadError as error:
        raise ConfigurationError(str(error)) from error
    if not shapes:
        raise ConfigurationError(
            f"{str(file)!r} is not an ONNX file, or a damaged one: it has no inputs; export the model again"
        )
    batched = all(shape is None or shape[:1] == (-1,) for shape in shapes.values())
    first, *others = [{"max_batch_size": _BATCH}, {"max_batch_size": 1}, {}] if batched else [{}]
    options: dict[str, Any] = {"path": request.path, **request.options}
    name = path.parent.name if path.name == FILENAME and path.parent.name else path.stem
    return [SourceModel(name, options, first, tuple(others), "ONNX", _TASKS.get(metadata.get("task", ""), ""))]


def _metadata(model: ProtobufMessage) -> Iterator[tuple[str, str]]:
    """Yield the entries of ModelProto.metadata_props, field 14: key 1, value 2."""
    for entry in model.messages(14):
        yield entry.text(1), entry.text(2)
