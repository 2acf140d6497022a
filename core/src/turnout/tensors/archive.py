"""Named tensors in an ``.npz`` file, without pickle.

Numbers are arrays as ``numpy.save`` writes them, so that numpy alone reads them. BYTES and BF16, which numpy cannot write
without pickle, are in the raw binary form as UINT8, with datatype and shape in the array's name: ``prompt:BYTES[4,1]``. Tensors
may be in groups, ``outputs//logits``; an ordinary ``.npz`` file is an archive with one group, ``""``.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError, text_of
from turnout.tensors.binary import from_binary, to_binary
from turnout.tensors.datatypes import BYTES, datatype_of
from turnout.tensors.spec import as_tensor

Tensors = Mapping[str, NDArray[Any]]

_RAW = re.compile(r"(?P<name>.*):(?P<datatype>[A-Z0-9]+)\[(?P<shape>[0-9,]*)\]\Z", re.DOTALL)
_PICKLED = frozenset({BYTES, "BF16"})
_NOTES = "notes.json"
_SEPARATOR = "//"
_PIECE = 1 << 20
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


def read_archive(file: Path | IO[bytes]) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, Any]]:
    """Return tensors by group and name, and the notes. The group ``""`` exists even if it is empty.

    Raises:
        InvalidTensorError: the file is damaged or not an archive.
        OSError: the file cannot be read.
    """
    groups: dict[str, dict[str, NDArray[Any]]] = {"": {}}
    notes: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                # zipfile compares the checksum at the end of an entry, so each is read whole.
                content = archive.read(entry)
                if entry.filename == _NOTES:
                    notes = dict(json.loads(content))
                elif entry.filename.endswith(".npy"):
                    group, name, array = _read(entry.filename.removesuffix(".npy"), content)
                    groups.setdefault(group, {})[name] = array
    except (zipfile.BadZipFile, ValueError, TypeError, EOFError, MemoryError, NotImplementedError, RuntimeError) as error:
        raise InvalidTensorError(f"no tensors can be read from it: {text_of(error)}; an .npz file holds arrays") from error
    return groups, notes


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


def _read(full_name: str, content: bytes) -> tuple[str, str, NDArray[Any]]:
    array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    raw = _RAW.match(full_name)
    if raw is not None and array.dtype == np.uint8 and array.ndim == 1:
        full_name = raw["name"]
        shape = tuple(int(size) for size in raw["shape"].split(",") if size)
        array = from_binary(array.tobytes(), raw["datatype"], shape, full_name)
    group, separator, name = full_name.partition(_SEPARATOR)
    return (group, name, as_tensor(array, name)) if separator else ("", full_name, as_tensor(array, full_name))
