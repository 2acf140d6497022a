"""The configuration of a model: config.pbtxt and the data of its warm-up, published next to the versions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from turnout import Configuration, ConfigurationRequest, ModelSignature
from turnout.errors import ConfigurationError, ExportError
from turnout.repository.versions import versions
from turnout_triton.repository.config_entries import data_files, entries_of
from turnout_triton.repository.config_file import ConfigFile, config_bytes, read_config
from turnout_triton.repository.container_limits import container_note
from turnout_triton.repository.differences import ConfigSource, Difference, differences
from turnout_triton.repository.file_signature import config_signature, read_signature
from turnout_triton.repository.generated_config import generate_config
from turnout_triton.repository.layout import CONFIG, ENSEMBLE, PLATFORMS, is_onnx, platform_for
from turnout_triton.repository.merged_config import MergedConfig, merge_config
from turnout_triton.repository.model_backend import backend_of, configured_file

_KEEP_FOLDER = ".gitkeep"


def configure(request: ConfigurationRequest) -> Configuration:
    """Return the files to publish next to the versions of a model; a hand-written config.pbtxt is kept, and compared.

    Raises:
        ExportError: Triton cannot serve the model.
    """
    ensemble = bool(request.options and request.options.ensemble)
    present, problem = _read_present(request.folder)
    filename, signature = ("", ModelSignature()) if ensemble else _file_to_configure(request, present)
    if filename and not platform_for(filename):
        return Configuration(notes=(f"Triton has no backend for {filename!r}, so no {CONFIG} was written",))
    try:
        generated = generate_config(request.model, request.options, request.folder, filename, signature, present)
        merged = merge_config(generated, present, request.model.name)
        if filename:
            _check_versions(request, merged.config, filename)
    except ExportError as error:
        if request.options is None and request.version is not None and not (request.folder / CONFIG).exists():
            # turnout.yaml has no triton entry for this model: the file is good for its other backends.
            return Configuration(notes=(f"no {CONFIG} was written: {error}",))
        raise
    by_hand = bool(problem) or (present is not None and not present.generated)
    if by_hand and not request.overwrite:
        _check_kept(request, present, filename)
        return Configuration(notes=_difference_notes(request, present, merged.config) if present else (problem,))
    comments = present.comments if present else ()
    files = {CONFIG: config_bytes(merged.config, merged.kept, comments, generated.files), **generated.files}
    if merged.config.platform == ENSEMBLE.platform and not versions(request.folder):
        files[f"1/{_KEEP_FOLDER}"] = b""  # Triton needs a version, empty for an ensemble; git keeps no empty folder
    notes = _replacement_notes(request, present, merged) if by_hand else ()
    limit = container_note(merged.config)
    obsolete = _obsolete_files(present, merged.config, files)
    return Configuration(files, obsolete, (*notes, *([limit] if limit else [])))


def _file_to_configure(request: ConfigurationRequest, present: ConfigFile | None) -> tuple[str, ModelSignature]:
    """Return name and signature of the published version's file, or of the newest version's if none is published.

    The name is empty for a file that only Triton knows; what it takes and gives is in its config.pbtxt.
    """
    if request.signature is not None:
        return request.file, request.signature
    file = configured_file(request.folder, present)
    if present and not present.generated and (file is None or not is_onnx(file.name)):
        # The file does not say what it takes and gives, so turnout.yaml decides, and config.pbtxt where that says nothing.
        declared, there = request.model.signature, config_signature(present.config)
        signature = ModelSignature(declared.inputs or there.inputs, declared.outputs or there.outputs)
        return file.name if file else "", signature
    if file is None and present is not None:
        return "", config_signature(present.config)
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


def _difference_notes(request: ConfigurationRequest, present: ConfigFile, merged: Any) -> tuple[str, ...]:
    name = f"{request.folder.name}/{CONFIG}"
    kept = f"{name} was written or edited by hand and was kept; --force-config replaces it"
    return (kept, *(f"{name} differs: {one.text}" for one in _differences(request, present, merged)))


def _differences(request: ConfigurationRequest, present: ConfigFile, merged: Any) -> list[Difference]:
    model = request.folder.name
    yaml = ConfigSource("turnout.yaml says", entries_of(merged, model))
    return differences([yaml, ConfigSource(f"{CONFIG} says", entries_of(present.config, model))])


def _replacement_notes(request: ConfigurationRequest, present: ConfigFile | None, merged: MergedConfig) -> tuple[str, ...]:
    """Return what became of a hand-written file: what was replaced, and what was kept.

    Raises:
        ExportError: a part of it cannot be read here, so it would be lost.
    """
    name = f"{request.folder.name}/{CONFIG}"
    if present is None:
        return (f"{name} could not be read; nothing of it was kept",)
    if present.incomplete:
        raise ExportError(f"{str(request.folder / CONFIG)!r} has {present.incomplete}: replaced, it would be lost")
    notes = [f"{name}: replaced {one.text}" for one in _differences(request, present, merged.config)]
    if merged.kept:
        notes.append(f"{name}: kept what turnout.yaml does not say: {', '.join(merged.kept)}")
    if present.comments:
        notes.append(f"{name}: its comments were moved to the beginning of the file")
    return tuple(notes)


def _obsolete_files(present: ConfigFile | None, merged: Any, files: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256, by name, of the warm-up data of an earlier export that no request names any more."""
    used = data_files(merged) | set(files)
    return {} if present is None else {name: digest for name, digest in present.data.items() if name not in used}


def _check_kept(request: ConfigurationRequest, present: ConfigFile | None, filename: str) -> None:
    """Raise ExportError if a config.pbtxt that is kept would serve the published version with another backend."""
    platform = platform_for(filename)
    if present is None or request.version is None or platform is None:
        return
    numbers = sorted({*versions(request.folder), request.version})
    backend = backend_of(present.config, request.folder)
    if request.version in served_versions(present.config, numbers) and backend not in ("", platform.backend):
        raise ExportError(
            f"model {request.model.name!r}: {str(request.folder / CONFIG)!r}, which was written by hand, serves it with "
            f"backend {backend!r}, which cannot open {filename}, and version {request.version} would be served; "
            "export into another repository, or replace the file with --force-config"
        )


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
