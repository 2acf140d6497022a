"""The model of an ONNX file, for ``turnout adopt``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from turnout import SourceModel, SourceRequest
from turnout.errors import ConfigurationError, ModelLoadError
from turnout.tensors import ProtobufMessage
from turnout_onnxruntime.model_file import FILENAME
from turnout_onnxruntime.onnx_file import read_onnx
from turnout_onnxruntime.onnx_shapes import Shape, read_shapes

_SUFFIX = ".onnx"
_BATCH = 8
_FLOAT = 1
_HEIGHTS, _SIDES = (48, 32, 64), (640, 320, 512)
"""Heights of lines of text, and sides of square pictures, that models fix in their code."""
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
    plain: list[dict[str, Any]] = [{"max_batch_size": _BATCH}, {"max_batch_size": 1}, {}] if batched else [{}]
    strips = [{"max_batch_size": _BATCH, "inputs": inputs} for inputs in _strips(file, shapes)] if batched else []
    first, *others = plain[:1] + strips + plain[1:]
    options: dict[str, Any] = {"path": request.path, **request.options}
    name = path.parent.name if path.name == FILENAME and path.parent.name else path.stem
    task, inputs = _TASKS.get(metadata.get("task", ""), ""), tuple(read_onnx(file, _inputs))
    fixed = _fixed_batch([shapes.get(one) for one in inputs])
    return [SourceModel(name, options, first, tuple(others), "ONNX", task, inputs=inputs, fixed_batch=fixed)]


def _fixed_batch(shapes: Sequence[Shape]) -> int | None:
    """Return the first size of all inputs, if it is one number: 1, or that of pictures; [3, 224, 224] has no batch axis."""
    first = {shape[0] if shape is not None and len(shape) > 1 else -1 for shape in shapes}
    size = first.pop() if len(first) == 1 else -1
    return size if size == 1 or (size > 1 and all(shape is not None and len(shape) == 4 for shape in shapes)) else None


def _strips(file: Path, shapes: Mapping[str, Shape]) -> Iterator[dict[str, str]]:
    """Yield narrower inputs for a model that takes pictures of any size by its file, and of some heights by its code."""
    inputs = read_onnx(file, _float_inputs)
    shape = shapes.get(inputs[0]) if len(inputs) == 1 else None
    if shape is None or len(shape) != 4 or shape[2:] != (-1, -1) or shape[1] < 1:
        return
    for height, width in (*((height, -1) for height in _HEIGHTS), *((side, side) for side in _SIDES)):
        yield {inputs[0]: f"FP32[{shape[1]},{height},{width}]"}


def _float_inputs(model: ProtobufMessage) -> Iterator[str]:
    """Yield the names of the inputs of the graph that are FP32 and have no initializer."""
    for value in _own_inputs(model):
        types = [number for tensor in value.messages(2, 1) for number in tensor.numbers(1)]
        if types[:1] == [_FLOAT]:
            yield value.text(1)


def _inputs(model: ProtobufMessage) -> Iterator[str]:
    """Yield the names of the inputs of the graph that have no initializer."""
    yield from (value.text(1) for value in _own_inputs(model))


def _own_inputs(model: ProtobufMessage) -> Iterator[ProtobufMessage]:
    for graph in model.messages(7):
        initialized = {tensor.text(8) for tensor in graph.messages(5)}
        yield from (value for value in graph.messages(11) if value.text(1) not in initialized)


def _metadata(model: ProtobufMessage) -> Iterator[tuple[str, str]]:
    """Yield the entries of ModelProto.metadata_props, field 14: key 1, value 2."""
    for entry in model.messages(14):
        yield entry.text(1), entry.text(2)
