"""The sources that a check compares: turnout.yaml, config.pbtxt and each server."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from turnout import CheckRequest, ModelDeclaration, ModelSignature
from turnout.files.fingerprint import fingerprint
from turnout.files.inside import path_inside
from turnout.files.limits import MODEL_DATA
from turnout.repository.versions import versions
from turnout_triton.model_config_options import ModelConfigOptions
from turnout_triton.options import TritonOptions
from turnout_triton.repository.completed_config import complete_config
from turnout_triton.repository.config_entries import (
    SCHEDULING,
    Entries,
    data_entries,
    data_files,
    entries_of,
    short_hash,
    unsaid_entries,
)
from turnout_triton.repository.config_file import ConfigFile, new_config
from turnout_triton.repository.differences import ConfigSource
from turnout_triton.repository.file_signature import read_file_signature, read_signature
from turnout_triton.repository.generated_config import generate_config
from turnout_triton.repository.layout import CONFIG, is_onnx, newest_file
from turnout_triton.repository.merged_config import MergedConfig, merge_config
from turnout_triton.repository.model_backend import configured_file, with_backend
from turnout_triton.repository.output_hints import corrected_outputs
from turnout_triton.repository.server_config import ServerConfig
from turnout_triton.repository.server_defaults import as_asked

OPTIONAL = ("optimization", "model_warmup", "warm-up data ", "parameter ")
"""Entries that a hand-written config.pbtxt or a server may have without turnout.yaml."""


def yaml_source(request: CheckRequest, folder: Path, present: ConfigFile | None) -> tuple[ConfigSource, Any]:
    """Return turnout.yaml as a source, and the config that export would write.

    Inputs and outputs that turnout.yaml does not declare come from the model's file.

    Raises:
        ExportError: Triton cannot serve the model of turnout.yaml.
    """
    model, options = request.model, _options_here(request, folder, present)
    ensemble = bool(options and options.ensemble)
    file = None if ensemble else configured_file(folder, present)
    by_us = present if present and present.generated else None
    signature = ModelSignature() if ensemble else read_signature(file, by_us)
    unknown = _unknown_sides(model, signature)
    filename = file.name if file and not unknown else ""
    generated = generate_config(model, options, folder, filename, signature, present)
    merged = merge_config(generated, present, model.name)
    silent = _silent_entries(request, folder=folder, filename=filename, unknown=unknown, present=present, merged=merged)
    if is_onnx(filename):
        silent = (*silent, *(f"output {name!r}" for name in corrected_outputs(model, signature)))
    hashes = {name: short_hash(hashlib.sha256(data).hexdigest()) for name, data in generated.files.items()}
    entries = entries_of(merged.config, folder.name) | data_entries(hashes)
    entries = {name: text for name, text in entries.items() if not name.startswith(silent)}
    return ConfigSource("turnout.yaml says", entries, silent, _file_verbs(model, filename)), merged.config


def _options_here(request: CheckRequest, folder: Path, present: ConfigFile | None) -> TritonOptions | None:
    """Return the options, without the ensemble's models if the repository is not on this machine."""
    options: TritonOptions | None = request.options
    if not options or present or any((folder.parent / name).exists() for name in options.ensemble):
        return options
    return options.model_copy(update={"ensemble": ()})


def _silent_entries(
    request: CheckRequest,
    *,
    folder: Path,
    filename: str,
    unknown: list[str],
    present: ConfigFile | None,
    merged: MergedConfig,
) -> tuple[str, ...]:
    """Return the prefixes of the entries that turnout.yaml does not say: what it cannot, what it leaves open, what was kept."""
    unsaid = [*unsaid_entries(merged.config), *(name for name in merged.kept if name != "instance_group")]
    ensemble = bool(merged.config.ensemble_scheduling.step)
    if not ensemble or SCHEDULING in merged.kept:
        unsaid.append(SCHEDULING)
    if present and present.generated and (filename or ensemble):
        return (*unsaid, *(["platform"] if SCHEDULING in merged.kept else []))
    elsewhere = present is None and not versions(folder)
    return (*unsaid, *unknown, *_open_entries(request, filename, elsewhere=elsewhere, no_config=present is None))


def _unknown_sides(model: ModelDeclaration, signature: ModelSignature) -> list[str]:
    sides = (("input ", model.inputs or signature.inputs), ("output ", model.outputs or signature.outputs))
    return [kind for kind, specs in sides if not specs]


def _file_verbs(model: ModelDeclaration, filename: str) -> dict[str, str]:
    """Return the verbs of the entries that come from the model's file instead of turnout.yaml."""
    if not filename:
        return {}
    by_file = {"input ": not model.inputs, "output ": not model.outputs or is_onnx(filename)}
    return {"platform": f"{filename} needs"} | {kind: f"{filename} has" for kind, is_by_file in by_file.items() if is_by_file}


def _open_entries(request: CheckRequest, filename: str, *, elsewhere: bool, no_config: bool) -> list[str]:
    """Return the entries that turnout.yaml leaves open.

    A hand-written config.pbtxt may say more. ``no_config``: nothing was written here, so the server decides the entries that
    turnout.yaml leaves open. ``elsewhere``: the repository is not on this machine either.
    """
    own = request.options.configuration if request.options else ModelConfigOptions()
    warmup = own.model_warmup if filename or request.model.inputs else ()
    values: dict[str, Any] = {"optimization": own.optimization, "parameter ": own.parameters}
    values |= {"model_warmup": warmup, "warm-up data ": warmup if not elsewhere else (), "platform": filename}
    if no_config:
        values |= {"instance_group": own.instance_group, "version_policy": own.version_policy}
    if elsewhere:
        values |= {"dynamic_batching": request.model.dynamic_batching is not None}
        values |= {"max_batch_size": request.model.max_batch_size}
    return [name for name, value in values.items() if not value]


def completed_source(folder: Path, options: TritonOptions) -> ConfigSource | None:
    """Return what a server completes without a config.pbtxt; None if it needs one."""
    file = read_file_signature(newest_file(folder))
    completed = complete_config(with_backend(new_config(), folder), file)
    silent = () if options.configuration.instance_group else ("instance_group",)
    return ConfigSource("a server completes", entries_of(completed, folder.name), silent) if file.outputs else None


def file_source(present: ConfigFile, folder: Path) -> tuple[ConfigSource, Any]:
    """Return config.pbtxt as a source, with the data that it names, and its config as Triton completes it."""
    config = complete_config(with_backend(present.config, folder), read_file_signature(configured_file(folder, present)))
    files = {name: path_inside(folder, name) for name in data_files(config)}
    hashes = {name: _data_text(file) for name, file in files.items()}
    return ConfigSource(f"{CONFIG} says", entries_of(config, folder.name) | data_entries(hashes)), config


def _data_text(file: Path) -> str:
    if not file.is_file():
        return "no file"
    size = file.stat().st_size
    return short_hash(fingerprint(file)) if size <= MODEL_DATA.max_bytes else f"{size} bytes"


def server_source(server: ServerConfig, sources: list[ConfigSource], asked: Any) -> ConfigSource:
    """Return a server as a source, without what it adds to the sources and to the config ``asked``, the one it should run."""
    # If turnout.yaml has no batch axis, the shapes are compared as they are.
    entries = _server_entries(server, asked, keep_batch_axis="max_batch_size" in sources[0].silent)
    added = {name for name in entries if name.startswith(OPTIONAL) and not any(name in one.entries for one in sources)}
    compared = {name: text for name, text in entries.items() if name not in added}
    return ConfigSource(f"server {server.url} says", compared, ("warm-up data ",))


def _server_entries(server: ServerConfig, asked: Any, *, keep_batch_axis: bool) -> Entries:
    """Return the entries of a server, with the tensors of its metadata."""
    entries = entries_of(as_asked(server.config, asked), "")
    for (kind, name), (datatype, shape) in server.tensors.items():
        key = f"{kind} {name!r}"
        dims = list(shape[1:] if server.config.max_batch_size and not keep_batch_axis else shape)
        _, reshaped, to = entries.get(key, "").partition(" reshaped")
        entries[key] = f"{datatype} {dims}{reshaped}{to}"
    return entries
