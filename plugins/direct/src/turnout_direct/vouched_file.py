"""Files that are code, opened only if the user vouches for them: with their SHA-256, with ``trust``, or by having made them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from turnout.errors import ModelLoadError
from turnout.files.made_here import MADE_HERE
from turnout.files.regular import open_regular
from turnout_direct.options import DirectOptions

_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class VouchedFile:
    """A file that may be opened.

    Attributes:
        stream: its content, from the start: if it was compared with a SHA-256, a copy that no other process can change.
        path: a path of the same content, while ``stream`` is open.
    """

    stream: BinaryIO
    path: str


@contextmanager
def open_vouched(path: Path, options: DirectOptions, model: str) -> Iterator[VouchedFile]:
    """Yield ``path``, whose content is what the user vouches for.

    Raises:
        ModelLoadError: the user does not vouch for it, turnout.yaml has another SHA-256, or it cannot be read.
    """
    with _open(path, model) as source:
        if options.trust and options.sha256 is None:
            yield VouchedFile(source, str(path))
            return
        with private_file() as copy:
            digest = _copy(source, copy.stream)
            _check(digest, path, options, model)
            copy.stream.seek(0)
            yield copy


@contextmanager
def private_file() -> Iterator[VouchedFile]:
    """Yield an empty file without a name that another process could open: in memory where the system can."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        with os.fdopen(os.memfd_create("turnout-model"), "w+b") as stream:
            yield VouchedFile(stream, f"/proc/self/fd/{stream.fileno()}")
        return
    with tempfile.NamedTemporaryFile(prefix="turnout-model-") as named:
        yield VouchedFile(cast("BinaryIO", named), named.name)


def _open(path: Path, model: str) -> BinaryIO:
    try:
        return open_regular(path)
    except OSError as error:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} cannot be read: {error.strerror or error}; give this user access to it"
        ) from error


def _copy(source: BinaryIO, copy: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        copy.write(chunk)
    copy.flush()
    return digest.hexdigest()


def _check(digest: str, path: Path, options: DirectOptions, model: str) -> None:
    if options.sha256 is not None and options.sha256 != digest:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} is another file than the one that you vouched for: its sha256 is {digest}, and "
            f"turnout.yaml has {options.sha256}; bring that file back, or, if you made this one or trust who did, write there: "
            f'sha256: "{digest}"'
        )
    if options.sha256 is None and digest not in MADE_HERE:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} is code, as every {_KINDS[options.loader]} file, and was not made by 'turnout "
            f"export' on this machine; if you made it or trust who did, add to the options of 'direct' in turnout.yaml: "
            f'sha256: "{digest}" (or, for whatever file is there: trust: true)'
        )


_KINDS = {"torchscript": "TorchScript", "torch_export": "torch.export"}
