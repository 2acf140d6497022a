"""The archive of a ``.pt2`` file: known records only, copied into a new archive for torch.

torch's reader (2.13) ignores the case of letters and finds other entries than Python's if two have one name, so it never sees
the stranger's archive.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from typing import IO, Any, BinaryIO

from turnout.errors import one_line
from turnout.files.limits import GRAPH, MODEL, SAMPLES, FileLimits
from turnout.files.strict_json import parse_json
from turnout.files.zip_reader import ZipReader
from turnout_direct.pt2.program import read_program
from turnout_direct.pt2.refusal import Pt2RefusedError, quoted
from turnout_direct.pt2.sample_inputs import read_sample_inputs
from turnout_direct.pt2.tensor_values import read_payloads

_ROOT = re.compile(r"[\w.\- ]{1,200}\Z")
_MODEL = "models/model.json"
_TENSORS = {
    "data/weights/model_weights_config.json": ("data/weights/", re.compile(r"weight_[0-9]{1,7}\Z")),
    "data/constants/model_constants_config.json": ("data/constants/", re.compile(r"tensor_[0-9]{1,7}\Z")),
}
_FIXED = {"archive_format": b"pt2", "archive_version": b"0", "byteorder": b"little"}
_SAMPLES = "data/sample_inputs/model.pt"
_IGNORED = frozenset({".data/version", ".data/serialization_id", _SAMPLES})
_EXTRA = re.compile(r"extra/[\w.\- ]{1,200}\Z")


def write_harmless_archive(source: BinaryIO, target: IO[bytes]) -> None:
    """Write the graph and the tensors of the ``.pt2`` file ``source`` into ``target``, as a new archive.

    Raises:
        Pt2RefusedError: the file has a part that is not known to be harmless.
        ValueError, zipfile.BadZipFile: it is no archive.
    """
    with ZipReader(source, MODEL) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        entries = _Entries(archive)
        for name, expected in _FIXED.items():
            if name in entries.known and entries.read(name) != expected:
                raise Pt2RefusedError(f"{name} is not {expected.decode()!r}; save the file again with this version of torch")
            new.writestr(f"model/{name}", expected)
        new.writestr("model/.data/version", b"6\n")
        new.writestr(f"model/{_SAMPLES}", read_sample_inputs(entries.read(_SAMPLES, SAMPLES)))
        new.writestr(f"model/{_MODEL}", json.dumps(entries.parse(_MODEL, read_program)))
        for config in _TENSORS:
            _copy_tensors(entries, new, config)


def _copy_tensors(entries: _Entries, new: zipfile.ZipFile, config: str) -> None:
    folder, known = _TENSORS[config]
    payloads = entries.parse(config, read_payloads)
    new.writestr(f"model/{config}", json.dumps({"config": payloads}))
    for payload in payloads.values():
        record = payload.get("path_name", "")
        if not known.match(record) or folder + record not in entries.known:
            raise Pt2RefusedError(f"{quoted(folder + record)} is no record of a tensor in this file")
        _check_layout(payload, record, entries.known[folder + record].file_size)
    for record in sorted({payload.get("path_name", "") for payload in payloads.values()}):
        entries.copy(folder + record, new, f"model/{folder}{record}")


class _Entries:
    """The entries of an archive, by their names below the folder that all are in."""

    def __init__(self, archive: ZipReader) -> None:
        self._archive = archive
        self.known: dict[str, zipfile.ZipInfo] = {}
        roots = {entry.filename.partition("/")[0] for entry in archive.entries}
        if len(roots) != 1 or not all(_ROOT.match(root) for root in roots):
            raise Pt2RefusedError(f"its entries are not in one folder: {quoted(sorted(roots)[:3])}")
        for entry in archive.entries:
            name = entry.filename.partition("/")[2]
            if name in self.known or not _is_known(name):
                raise Pt2RefusedError(f"entry {quoted(entry.filename)} is not one that a graph with plain tensors has")
            if entry.compress_type != zipfile.ZIP_STORED:
                raise Pt2RefusedError(f"entry {quoted(entry.filename)} is compressed, which torch never does")
            self.known[name] = entry

    def read(self, name: str, limits: FileLimits = GRAPH) -> bytes:
        """Return the content of an entry within ``limits``."""
        if name not in self.known:
            raise Pt2RefusedError(f"it has no {name}; save it again with torch.export.save of this version of torch")
        if self.known[name].file_size > limits.max_bytes:
            raise Pt2RefusedError(f"{name} has {self.known[name].file_size:,} bytes; {limits.max_bytes:,} are the most")
        with self._archive.open(self.known[name]) as stream:
            return stream.read()

    def parse(self, name: str, parser: Callable[[Any], Any]) -> Any:
        """Return what ``parser`` makes of an entry in JSON."""
        content = self.read(name)
        try:
            return parser(parse_json(content, GRAPH))
        except (ValueError, RecursionError) as error:
            raise Pt2RefusedError(f"{name} is no JSON of torch.export.save: {one_line(error)}") from error
        except Pt2RefusedError as error:
            raise Pt2RefusedError(f"in {name}, {error}") from error

    def copy(self, name: str, new: zipfile.ZipFile, new_name: str) -> None:
        """Copy an entry into ``new``."""
        written = zipfile.ZipInfo(new_name)
        written.file_size = self.known[name].file_size
        with self._archive.open(self.known[name]) as reader, new.open(written, "w") as writer:
            shutil.copyfileobj(reader, writer, 2**20)


def _is_known(name: str) -> bool:
    if name in _IGNORED or name in _FIXED or name in _TENSORS or name == _MODEL or _EXTRA.match(name):
        return True
    return any(name.startswith(folder) and known.match(name[len(folder) :]) for folder, known in _TENSORS.values())


def _check_layout(payload: Mapping[str, Any], record: str, size: int) -> None:
    """Raise Pt2RefusedError if the tensor would have memory of its own: torch allocates what an empty record asks for."""
    sizes = [axis.get("as_int") for axis in (payload.get("tensor_meta") or {}).get("sizes", ())]
    if None in sizes or (not size and 0 not in sizes):
        raise Pt2RefusedError(f"a tensor in {quoted(record)} has sizes {quoted(sizes)}, and the record has {size} bytes")
