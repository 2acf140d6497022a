"""The identity of an arm: arms of equal identity give equal responses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG

from turnout.parity import Tolerances
from turnout.repository.versions import evident_version
from turnout.settings.loaded import LoadedModel

_ROLES = frozenset({"backend", "backends", "canary", "fallback", "preload", "record", "shadow", "tolerance", "warmup"})
_GUARDS = frozenset({"circuit_breaker", "max_in_flight", "retry"})
"""Keys that say which role an arm has, and which middlewares enclose it; neither changes a response."""
_NOT_PROVED = (_ROLES | _GUARDS | {"version"}) - {"tolerance"}
"""Keys that a proof of an arm does not depend on, or not by its settings: the version decides its files."""


def arm_identity(model: LoadedModel, backend: str) -> object:
    """Return the settings that ``model`` on ``backend`` is opened with, to be compared with ``==``."""
    settings = tuple((name, value) for name, value in model.settings if name not in _ROLES | _GUARDS)
    return settings, model.options.get(backend)


def settings_hash(model: LoadedModel, backend: str) -> str:
    """Return a hash of everything in turnout.yaml that decides whether the answers of an arm match."""
    settings = {name: value for name, value in model.settings.model_dump(mode="json").items() if name not in _NOT_PROVED}
    return _hash([settings, model.settings.backends.get(backend)])


def evidence_identity(model: LoadedModel, backends: tuple[str, str], tolerances: Tolerances) -> str:
    """Return a hash of the options of both arms, of the files and versions that they name, and of the tolerances.

    Evidence of another identity is about another model.
    """
    options = {backend: dict(model.settings.backends.get(backend, {})) for backend in backends}
    folder = model.declaration.folder
    files = [file for backend in backends for file in _file_facts(folder, options[backend].values())]
    chosen = model.settings.version
    versions = [one for backend in backends for one in _versions(folder, options[backend].values(), chosen)]
    return _hash([options, files, repr(tolerances), *([chosen, versions] if chosen or versions else [])])


def _hash(facts: object) -> str:
    text = json.dumps(facts, sort_keys=True, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _versions(folder: Path, values: Iterable[object], chosen: str) -> Iterator[tuple[str, int]]:
    """Yield each option that names a model's folder in a model repository, with the version that answers."""
    for value in values:
        with suppress(OSError, ValueError):
            version = evident_version(folder / value, chosen) if isinstance(value, str) and value else None
            if version is not None:
                yield str(value), version


def _file_facts(folder: Path, values: Iterable[object]) -> Iterator[tuple[str, int, int]]:
    """Yield each option that names a file, with the file's size and modification time."""
    for value in values:
        if not isinstance(value, str):
            continue
        try:
            found = (folder / value).stat()
        except (OSError, ValueError):
            continue
        # Size and time, not a hash: this runs at each start and reload, and model files have gigabytes.
        if S_ISREG(found.st_mode):
            yield value, found.st_size, found.st_mtime_ns
