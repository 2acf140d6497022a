"""What stands beside the versions of a model: config.pbtxt and the data of its warm-up."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from turnout import Configuration, ConfigurationRequest, ModelSignature
from turnout.errors import ConfigurationError, ExportError
from turnout_triton.repository.config_file import ConfigFile, read_config, text_of_config
from turnout_triton.repository.differences import Source, differences
from turnout_triton.repository.facts import data_files, facts_of
from turnout_triton.repository.layout import CONFIG, PLATFORMS, newest_file, versions
from turnout_triton.repository.model_config import wanted_config
from turnout_triton.repository.signature import known_signature

_KEEP_FOLDER = ".gitkeep"


def configure(request: ConfigurationRequest) -> Configuration:
    """Return the files beside the versions of a model; a config.pbtxt of the user's own stays, and is compared.

    Raises:
        ExportError: Triton could not serve the model.
    """
    ensemble = bool(request.options and request.options.ensemble)
    present, problem = _present(request.folder)
    filename, signature = ("", ModelSignature()) if ensemble else _file(request, present)
    if filename not in PLATFORMS and not ensemble:
        return Configuration(notes=(f"Triton's backends serve no {filename!r}, so no {CONFIG} was written",))
    try:
        wanted = wanted_config(request.model, request.options, request.folder, filename, signature)
        if not ensemble:
            _check_versions(request, wanted.config, filename)
    except ExportError as error:
        if request.options is None and request.version is not None and not (request.folder / CONFIG).exists():
            # Nobody asked for Triton: the file is good for other backends.
            return Configuration(notes=(f"no {CONFIG} was written: {error}",))
        raise
    if (problem or (present and not present.generated)) and not request.overwrite:
        return Configuration(notes=_kept(request, present, wanted.config) if present else (problem,))
    files = {CONFIG: text_of_config(wanted.config).encode(), **wanted.files}
    if ensemble and not versions(request.folder):
        files[f"1/{_KEEP_FOLDER}"] = b""  # Triton wants a version, which for an ensemble is empty; git keeps no empty folder
    return Configuration(files, _obsolete(present, files))


def _file(request: ConfigurationRequest, present: ConfigFile | None) -> tuple[str, ModelSignature]:
    """Return name and signature of the version to configure: the one that is published, else the newest."""
    if request.signature is not None:
        return request.file, request.signature
    file = newest_file(request.folder)
    if file is None:
        raise ExportError(
            f"model {request.model.name!r} has no version with {' or '.join(PLATFORMS)} in {str(request.folder)!r}; "
            f"write one: turnout export {request.model.name}"
        )
    return file.name, known_signature(file, present)


def _present(folder: Path) -> tuple[ConfigFile | None, str]:
    try:
        return read_config(folder / CONFIG), ""
    except ConfigurationError as error:
        return None, f"{error}; it was kept, --force-config replaces it"


def _kept(request: ConfigurationRequest, present: ConfigFile, wanted: Any) -> tuple[str, ...]:
    model = request.folder.name
    name = f"{model}/{CONFIG}"
    asked = Source("turnout.yaml asks for", facts_of(wanted, model))
    found = differences([asked, Source("it says", facts_of(present.config, model))])
    kept = f"{name} was written or edited by hand and was kept; --force-config replaces it"
    return (kept, *(f"{name} differs: {one.text}" for one in found))


def _obsolete(present: ConfigFile | None, files: Iterable[str]) -> frozenset[str]:
    if present is None or not present.generated:
        return frozenset()
    return frozenset(data_files(present.config) - set(files))


def _check_versions(request: ConfigurationRequest, config: Any, filename: str) -> None:
    """Refuse a config that a version which would be served cannot be served with."""
    there = [number for number in versions(request.folder) if number != request.version]
    published = [request.version] if request.version is not None else []
    for number in served_versions(config, sorted([*there, *published])):
        folder = request.folder / str(number)
        if number in there and not (folder / filename).exists() and any((folder / name).exists() for name in PLATFORMS):
            raise ExportError(
                f"model {request.model.name!r}: the version policy also serves version {number}, which holds no {filename}; "
                "one model is served by one platform: narrow model_config.version_policy, or export into another repository"
            )


def served_versions(config: Any, numbers: list[int]) -> list[int]:
    """Return which of the versions ``numbers``, ascending, a config's version policy serves."""
    policy = config.version_policy
    if policy.HasField("all"):
        return numbers
    if policy.HasField("specific"):
        return [number for number in numbers if number in policy.specific.versions]
    return numbers[-(policy.latest.num_versions or 1) :]
