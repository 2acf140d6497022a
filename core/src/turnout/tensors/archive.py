"""Named tensors in an ``.npz`` file, without pickle.

Numbers are arrays as ``numpy.save`` writes them, so that numpy alone reads them. BYTES and BF16, which numpy cannot write
without pickle, are in the raw binary form as UINT8, with datatype and shape in the array's name: ``prompt:BYTES[4,1]``. Tensors
may be in groups, ``outputs//logits``; an ordinary ``.npz`` file is an archive with one group, ``""``.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError, text_of
from turnout.files.limits import NOTES, RECORD
from turnout.files.strict_json import parse_json
from turnout.files.zip_reader import ZipReader
from turnout.tensors.binary import from_binary, to_binary
from turnout.tensors.datatypes import BYTES, datatype_of
from turnout.tensors.npy import read_npy
from turnout.tensors.spec import as_tensor

Tensors = Mapping[str, NDArray[Any]]

_RAW = re.compile(r"(?P<name>.*):(?P<datatype>[A-Z0-9]+)\[(?P<shape>[0-9,]*)\]\Z", re.DOTALL)
_PICKLED = frozenset({BYTES, "BF16"})
_NOTES = "notes.json"
_SEPARATOR = "//"
_PIECE = 1 << 20
_MAX_ELEMENTS = 1_000_000
# With a fixed date, equal tensors are equal files; zip has no date before 1980.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_archive(stream: IO[bytes], groups: Mapping[str, Tensors], notes: Mapping[str, Any] | None = None) -> None:
    """Write tensors by group and name, and ``notes`` in JSON types, without compression.

    Raises:
        InvalidTensorError: an array has no KServe datatype.
    """
    with zipfile.ZipFile(stream, "w") as archive:
        if notes is not None:
            archive.writestr(zipfile.ZipInfo(_NOTES, _DATE), json.dumps(notes))
        for group, tensors in groups.items():
            for name, array in tensors.items():
                _write(archive, _full_name(group, name), as_tensor(array, name))


def read_archive(file: Path | BinaryIO) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, Any]]:
    """Return tensors by group and name, and the notes. The group ``""`` exists even if it is empty.

    Raises:
        InvalidTensorError: the file is damaged, not an archive, or larger than a record may be.
        OSError: the file cannot be read, or is no regular file.
    """
    try:
        with ZipReader(file, RECORD) as archive:
            return _read_entries(archive)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, MemoryError) as error:
        raise InvalidTensorError(f"no tensors can be read from it: {text_of(error)}; an .npz file holds arrays") from error


def _read_entries(archive: ZipReader) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, Any]]:
    groups: dict[str, dict[str, NDArray[Any]]] = {"": {}}
    notes: dict[str, Any] = {}
    elements = 0
    for entry in archive.entries:
        with archive.open(entry) as stream:
            if entry.filename == _NOTES:
                notes = _read_notes(stream)
            elif entry.filename.endswith(".npy"):
                array = read_npy(stream, entry.file_size)
                group, name, array = _decode(entry.filename.removesuffix(".npy"), array, _MAX_ELEMENTS - elements)
                elements += array.size if array.dtype == object else 0
                if name in groups.setdefault(group, {}):
                    raise InvalidTensorError(f"tensor {name!r} is there twice")
                groups[group][name] = array
    return groups, notes


def _read_notes(stream: IO[bytes]) -> dict[str, Any]:
    notes = parse_json(stream.read(NOTES.max_bytes + 1), NOTES)
    if not isinstance(notes, dict):
        raise InvalidTensorError("its notes are no JSON object")
    return notes


def _full_name(group: str, name: str) -> str:
    return f"{group}{_SEPARATOR}{name}" if group or _SEPARATOR in name else name


def _write(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    datatype = datatype_of(array.dtype)
    if datatype in _PICKLED or _RAW.match(name):
        name = f"{name}:{datatype}[{','.join(map(str, array.shape))}]"
        array = np.frombuffer(to_binary(array, name), np.uint8)
    with archive.open(zipfile.ZipInfo(f"{name}.npy", _DATE), "w", force_zip64=True) as entry:
        _write_array(entry, np.asarray(array, order="C"))


def _write_array(entry: IO[bytes], array: NDArray[Any]) -> None:
    """Write an array as ``numpy.lib.format.write_array`` does, in pieces: numpy copies it and blocks all other threads."""
    np.lib.format.write_array_header_1_0(entry, np.lib.format.header_data_from_array_1_0(array))
    data = array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"")
    for start in range(0, len(data), _PIECE):
        entry.write(data[start : start + _PIECE])


def _decode(full_name: str, array: NDArray[Any], max_elements: int) -> tuple[str, str, NDArray[Any]]:
    raw = _RAW.match(full_name)
    if raw is not None and array.dtype == np.uint8 and array.ndim == 1:
        full_name = raw["name"]
        shape = tuple(int(size) for size in raw["shape"].split(",") if size)
        if raw["datatype"] == BYTES:
            _check_elements(math.prod(shape), max_elements)
        array = from_binary(array.data, raw["datatype"], shape, full_name)
    if array.dtype.kind in "SU":
        _check_elements(array.size, max_elements)
    group, separator, name = full_name.partition(_SEPARATOR)
    return (group, name, as_tensor(array, name)) if separator else ("", full_name, as_tensor(array, full_name))


def _check_elements(count: int, most: int) -> None:
    # Each element is an object of Python, of 40 bytes or more for one that has 4 in the file.
    if count > most:
        raise ValueError(f"a record has {_MAX_ELEMENTS} BYTES elements at most")
