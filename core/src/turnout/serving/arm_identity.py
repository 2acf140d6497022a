"""What an arm is opened with: two arms of equal identity answer alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG

from turnout.parity import Tolerances
from turnout.settings import LoadedSettings

_OF_PLACES = frozenset({"backend", "backends", "canary", "fallback", "preload", "record", "shadow", "tolerance", "warmup"})
_OF_GUARDS = frozenset({"circuit_breaker", "max_in_flight", "retry"})
"""What settings say of the arms' places, and of what stands around an arm."""


def arm_identity(loaded: LoadedSettings, model: str, backend: str) -> object:
    """Return what ``model`` on ``backend`` is opened with, to be compared with ``==``."""
    settings = tuple((name, value) for name, value in loaded.settings.models[model] if name not in _OF_PLACES | _OF_GUARDS)
    return settings, loaded.backend_options.get((model, backend))


def evidence_identity(loaded: LoadedSettings, model: str, backends: tuple[str, str], tolerances: Tolerances) -> str:
    """Return a text that changes with the options of either arm, a file that they name, or the tolerances.

    Evidence that was gathered under another identity is of another model.
    """
    options = {backend: dict(loaded.written_options[model].get(backend, {})) for backend in backends}
    files = [file for backend in backends for file in _files(loaded.folder, options[backend].values())]
    said = json.dumps([options, files, repr(tolerances)], sort_keys=True, default=str)
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _files(folder: Path, values: Iterable[object]) -> Iterator[tuple[str, int, int]]:
    """Yield each option that names a file, with the file's size and time."""
    for value in values:
        if not isinstance(value, str):
            continue
        try:
            found = (folder / value).stat()
        except (OSError, ValueError):
            continue
        if S_ISREG(found.st_mode):
            yield value, found.st_size, found.st_mtime_ns
