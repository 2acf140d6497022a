"""The sources that a check compares: turnout.yaml, config.pbtxt and each server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout import CheckRequest, ModelDeclaration, ModelSignature
from turnout.repository.versions import versions
from turnout_triton.model_config_options import ModelConfigOptions
from turnout_triton.options import TritonOptions
from turnout_triton.repository.config_entries import Entries, data_entries, data_files, entries_of, sha256
from turnout_triton.repository.config_file import ConfigFile
from turnout_triton.repository.differences import ConfigSource
from turnout_triton.repository.file_signature import read_signature
from turnout_triton.repository.generated_config import generate_config
from turnout_triton.repository.layout import CONFIG, newest_file
from turnout_triton.repository.server_config import ServerConfig

OPTIONAL = ("optimization", "model_warmup", "warm-up data ", "parameter ")
"""Entries that a hand-written config.pbtxt or a server may have without turnout.yaml."""


def yaml_source(request: CheckRequest, folder: Path, present: ConfigFile | None) -> ConfigSource:
    """Return turnout.yaml as a source; inputs and outputs that it does not declare come from the model's file.

    Raises:
        ExportError: Triton cannot serve the model of turnout.yaml.
    """
    options: TritonOptions | None = request.options
    model, file = request.model, newest_file(folder)
    if options and options.ensemble:
        entries = entries_of(generate_config(model, options, folder, "", ModelSignature()).config, folder.name)
        return ConfigSource("turnout.yaml says", entries)
    by_us = present if present and present.generated else None
    signature = read_signature(file, by_us)
    unknown = _unknown_sides(model, signature)
    filename = file.name if file and not unknown else ""
    silent = (*unknown, *_open_entries(request, filename, elsewhere=present is None and not versions(folder)))
    if by_us and filename:
        silent = ()
    generated = generate_config(model, options, folder, filename, signature)
    hashes = {name: sha256(data) for name, data in generated.files.items()}
    entries = entries_of(generated.config, folder.name) | data_entries(hashes)
    entries = {name: text for name, text in entries.items() if not name.startswith(silent)}
    return ConfigSource("turnout.yaml says", entries, silent, _file_verbs(model, filename))


def _unknown_sides(model: ModelDeclaration, signature: ModelSignature) -> list[str]:
    sides = (("input ", model.inputs or signature.inputs), ("output ", model.outputs or signature.outputs))
    return [kind for kind, specs in sides if not specs]


def _file_verbs(model: ModelDeclaration, filename: str) -> dict[str, str]:
    """Return the verbs of the entries that come from the model's file instead of turnout.yaml."""
    if not filename:
        return {}
    by_file = {"input ": not model.inputs, "output ": not model.outputs}
    return {"platform": f"{filename} needs"} | {kind: f"{filename} has" for kind, is_by_file in by_file.items() if is_by_file}


def _open_entries(request: CheckRequest, filename: str, *, elsewhere: bool) -> list[str]:
    """Return the entries that turnout.yaml leaves open.

    A hand-written config.pbtxt may say more. ``elsewhere``: the repository is not on this machine, so no config.pbtxt was
    written here, and the server decides the entries that turnout.yaml leaves open.
    """
    own = request.options.configuration if request.options else ModelConfigOptions()
    warmup = own.model_warmup if filename or request.model.inputs else ()
    values: dict[str, Any] = {"optimization": own.optimization, "parameter ": own.parameters}
    values |= {"model_warmup": warmup, "warm-up data ": warmup if not elsewhere else (), "platform": filename}
    if elsewhere:
        batching = request.model.dynamic_batching is not None
        values |= {"instance_group": own.instance_group, "version_policy": own.version_policy, "dynamic_batching": batching}
        values |= {"max_batch_size": request.model.max_batch_size}
    return [name for name, value in values.items() if not value]


def file_source(present: ConfigFile, folder: Path) -> ConfigSource:
    """Return config.pbtxt as a source, with the data that it names."""
    files = {name: folder / name for name in data_files(present.config)}
    hashes = {name: sha256(file.read_bytes()) if file.is_file() else "no file" for name, file in files.items()}
    return ConfigSource(f"{CONFIG} says", entries_of(present.config, folder.name) | data_entries(hashes))


def server_source(server: ServerConfig, sources: list[ConfigSource]) -> ConfigSource:
    """Return a server as a source, without the optional entries that it adds to those of ``sources``."""
    # If turnout.yaml has no batch axis, the shapes are compared as they are.
    entries = _server_entries(server, keep_batch_axis="max_batch_size" in sources[0].silent)
    added = {name for name in entries if name.startswith(OPTIONAL) and not any(name in one.entries for one in sources)}
    compared = {name: text for name, text in entries.items() if name not in added}
    return ConfigSource(f"server {server.url} says", compared, ("warm-up data ",))


def _server_entries(server: ServerConfig, *, keep_batch_axis: bool) -> Entries:
    """Return the entries of a server, with the tensors of its metadata."""
    entries = entries_of(server.config, "")
    for (kind, name), (datatype, shape) in server.tensors.items():
        key = f"{kind} {name!r}"
        dims = list(shape[1:] if server.config.max_batch_size and not keep_batch_axis else shape)
        _, reshaped, to = entries.get(key, "").partition(" reshaped")
        entries[key] = f"{datatype} {dims}{reshaped}{to}"
    return entries
