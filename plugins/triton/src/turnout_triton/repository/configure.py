"""The configuration of a model: config.pbtxt and the data of its warm-up, published next to the versions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from turnout import Configuration, ConfigurationRequest, ModelSignature
from turnout.errors import ConfigurationError, ExportError
from turnout.repository.versions import versions
from turnout_triton.repository.config_entries import data_files, entries_of
from turnout_triton.repository.config_file import ConfigFile, config_text, read_config
from turnout_triton.repository.differences import ConfigSource, differences
from turnout_triton.repository.file_signature import read_signature
from turnout_triton.repository.generated_config import generate_config
from turnout_triton.repository.layout import CONFIG, PLATFORMS, newest_file

_KEEP_FOLDER = ".gitkeep"


def configure(request: ConfigurationRequest) -> Configuration:
    """Return the files to publish next to the versions of a model; a hand-written config.pbtxt is kept, and compared.

    Raises:
        ExportError: Triton cannot serve the model.
    """
    ensemble = bool(request.options and request.options.ensemble)
    present, problem = _read_present(request.folder)
    filename, signature = ("", ModelSignature()) if ensemble else _file_to_configure(request, present)
    if filename not in PLATFORMS and not ensemble:
        return Configuration(notes=(f"Triton has no backend for {filename!r}, so no {CONFIG} was written",))
    try:
        generated = generate_config(request.model, request.options, request.folder, filename, signature)
        if not ensemble:
            _check_versions(request, generated.config, filename)
    except ExportError as error:
        if request.options is None and request.version is not None and not (request.folder / CONFIG).exists():
            # turnout.yaml has no triton entry for this model: the file is good for its other backends.
            return Configuration(notes=(f"no {CONFIG} was written: {error}",))
        raise
    if (problem or (present and not present.generated)) and not request.overwrite:
        return Configuration(notes=_difference_notes(request, present, generated.config) if present else (problem,))
    files = {CONFIG: config_text(generated.config).encode(), **generated.files}
    if ensemble and not versions(request.folder):
        files[f"1/{_KEEP_FOLDER}"] = b""  # Triton needs a version, empty for an ensemble; git keeps no empty folder
    return Configuration(files, _obsolete_files(present, files))


def _file_to_configure(request: ConfigurationRequest, present: ConfigFile | None) -> tuple[str, ModelSignature]:
    """Return name and signature of the published version's file, or of the newest version's if none is published."""
    if request.signature is not None:
        return request.file, request.signature
    file = newest_file(request.folder)
    if file is None:
        raise ExportError(
            f"model {request.model.name!r} has no version with {' or '.join(PLATFORMS)} in {str(request.folder)!r}; "
            f"write one: turnout export {request.model.name}"
        )
    return file.name, read_signature(file, present)


def _read_present(folder: Path) -> tuple[ConfigFile | None, str]:
    """Return the config.pbtxt in ``folder``, and the problem if it cannot be read."""
    try:
        return read_config(folder / CONFIG), ""
    except ConfigurationError as error:
        return None, f"{error}; it was kept, --force-config replaces it"


def _difference_notes(request: ConfigurationRequest, present: ConfigFile, generated: Any) -> tuple[str, ...]:
    model = request.folder.name
    name = f"{model}/{CONFIG}"
    yaml = ConfigSource("turnout.yaml says", entries_of(generated, model))
    found = differences([yaml, ConfigSource(f"{CONFIG} says", entries_of(present.config, model))])
    kept = f"{name} was written or edited by hand and was kept; --force-config replaces it"
    return (kept, *(f"{name} differs: {one.text}" for one in found))


def _obsolete_files(present: ConfigFile | None, files: Iterable[str]) -> frozenset[str]:
    if present is None or not present.generated:
        return frozenset()
    return frozenset(data_files(present.config) - set(files))


def _check_versions(request: ConfigurationRequest, config: Any, filename: str) -> None:
    """Raise ExportError if the version policy also serves a version of another platform."""
    present = [number for number in versions(request.folder) if number != request.version]
    published = [request.version] if request.version is not None else []
    for number in served_versions(config, sorted([*present, *published])):
        folder = request.folder / str(number)
        if number in present and not (folder / filename).exists() and any((folder / name).exists() for name in PLATFORMS):
            raise ExportError(
                f"model {request.model.name!r}: the version policy also serves version {number}, which has no {filename}; "
                "a model has one platform: narrow model_config.version_policy, or export into another repository"
            )


def served_versions(config: Any, numbers: list[int]) -> list[int]:
    """Return the versions among ``numbers``, ascending, that the version policy of a config serves."""
    policy = config.version_policy
    if policy.HasField("all"):
        return numbers
    if policy.HasField("specific"):
        return [number for number in numbers if number in policy.specific.versions]
    return numbers[-(policy.latest.num_versions or 1) :]
