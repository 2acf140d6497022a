"""Single numbers among the weights of a checkpoint, read without the weights themselves.

A safetensors file begins with the length of its header, 8 bytes, and the header, JSON that names the place of each tensor:
https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from turnout.errors import ConfigurationError
from turnout.files.limits import MODEL, WEIGHTS_HEADER
from turnout.files.regular import open_regular
from turnout.files.strict_json import parse_json
from turnout_vision.brief_text import brief
from turnout_vision.checkpoints.checkpoint import Checkpoint

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_LENGTH_BYTES = 8


def read_number(checkpoint: Checkpoint, name: str) -> float | None:
    """Return the weight ``name`` of ``checkpoint``, a tensor of one number; None if it has no such weight.

    A file of the hub is downloaded if it is not in the cache; this may block for minutes.

    Raises:
        ConfigurationError: there is no safetensors file, it is broken, or the weight is no single number.
    """
    file = _find_file(checkpoint, name)
    if file is None:
        return None
    try:
        return _read(file, name)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: {str(file)!r} is not usable as safetensors: {error}; save the model again"
        ) from error


def _find_file(checkpoint: Checkpoint, name: str) -> Path | None:
    index = checkpoint.json(_INDEX)
    if index is None:
        file = checkpoint.file(_WHOLE)
        if file is None:
            raise ConfigurationError(
                f"checkpoint {checkpoint.name!r} has no {_WHOLE}, where {name!r} would be; save it with save_pretrained, or "
                "write the number in the step"
            )
        return file
    places = index.get("weight_map")
    part = places.get(name) if isinstance(places, Mapping) else None
    if part is None:
        return None
    if not isinstance(part, str) or Path(part).name != part or (file := checkpoint.file(part)) is None:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: {_INDEX} has {name!r} in {brief(part)}, and there is no such file; save the "
            "model again"
        )
    return file


def _read(file: Path, name: str) -> float | None:
    with open_regular(file, MODEL) as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if not 0 < length <= WEIGHTS_HEADER.max_bytes:
            raise ValueError(f"its header would have {length} bytes")
        content = stream.read(length)
        if len(content) < length:
            raise ValueError("it ends within its header")
        header = parse_json(content, WEIGHTS_HEADER)
        if not isinstance(header, Mapping) or name not in header:
            return None
        datatype, start = _find_place(header[name], name)
        stream.seek(_LENGTH_BYTES + length + start)
        content = stream.read(_BYTES[datatype])
    if len(content) < _BYTES[datatype]:
        raise ValueError(f"it ends before the weight {name!r}")
    return _decode(content, datatype)


def _find_place(entry: Any, name: str) -> tuple[str, int]:
    """Return the datatype of a weight and where it begins."""
    values = entry if isinstance(entry, Mapping) else {}
    datatype, shape, offsets = values.get("dtype"), values.get("shape"), values.get("data_offsets")
    if shape not in ([], [1], [1, 1]) or not isinstance(datatype, str) or datatype not in _BYTES:
        raise ValueError(f"the weight {name!r} is {brief(datatype)} {brief(shape)}, not one floating-point number")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(isinstance(each, int) and each >= 0 for each in offsets):
        raise ValueError(f"the weight {name!r} has the offsets {brief(offsets)}")
    if offsets[1] - offsets[0] != _BYTES[datatype] or offsets[1] > MODEL.max_bytes:
        raise ValueError(f"the weight {name!r} has the offsets {brief(offsets)}")
    return datatype, int(offsets[0])


def _decode(content: bytes, datatype: str) -> float:
    if datatype == "BF16":
        # The upper half of a float32.
        content, datatype = b"\0\0" + content, "F32"
    return float(np.frombuffer(content, f"<f{_BYTES[datatype]}")[0])
