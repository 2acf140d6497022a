"""What turnout.yaml, config.pbtxt and each server say of a model, in a form that can be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout import CheckRequest, ModelDeclaration, ModelSignature
from turnout_triton.model_config_options import ModelConfigOptions
from turnout_triton.options import TritonOptions
from turnout_triton.repository.config_file import ConfigFile
from turnout_triton.repository.differences import Source
from turnout_triton.repository.facts import Facts, data_facts, data_files, facts_of, sha256
from turnout_triton.repository.layout import CONFIG, newest_file, versions
from turnout_triton.repository.live import LiveModel
from turnout_triton.repository.model_config import wanted_config
from turnout_triton.repository.signature import known_signature

FREE = ("optimization", "model_warmup", "warm-up data ", "parameter ")
"""What a config.pbtxt of the user's own, or a server, may say without turnout.yaml saying it."""


def yaml_source(request: CheckRequest, folder: Path, present: ConfigFile | None) -> Source:
    """Return what turnout.yaml says, its inputs and outputs completed by the model's file.

    Raises:
        ExportError: what turnout.yaml says cannot be served.
    """
    options: TritonOptions | None = request.options
    model, file = request.model, newest_file(folder)
    if options and options.ensemble:
        facts = facts_of(wanted_config(model, options, folder, "", ModelSignature()).config, folder.name)
        return Source("turnout.yaml says", facts)
    generated = present if present and present.generated else None
    signature = known_signature(file, generated)
    unknown = _unknown_sides(model, signature)
    filename = file.name if file and not unknown else ""
    silent = (*unknown, *_unsaid(request, filename, elsewhere=present is None and not versions(folder)))
    if generated and filename:
        silent = ()
    wanted = wanted_config(model, options, folder, filename, signature)
    facts = facts_of(wanted.config, folder.name) | data_facts({name: sha256(data) for name, data in wanted.files.items()})
    facts = {name: text for name, text in facts.items() if not name.startswith(silent)}
    return Source("turnout.yaml says", facts, silent, _verbs(model, filename))


def _unknown_sides(model: ModelDeclaration, signature: ModelSignature) -> list[str]:
    sides = (("input ", model.inputs or signature.inputs), ("output ", model.outputs or signature.outputs))
    return [kind for kind, specs in sides if not specs]


def _verbs(model: ModelDeclaration, filename: str) -> dict[str, str]:
    """Return who says what turnout.yaml leaves to the model's file."""
    if not filename:
        return {}
    told = {"input ": not model.inputs, "output ": not model.outputs}
    return {"platform": f"{filename} needs"} | {kind: f"{filename} has" for kind, by_file in told.items() if by_file}


def _unsaid(request: CheckRequest, filename: str, *, elsewhere: bool) -> list[str]:
    """Return what turnout.yaml says nothing of.

    A config.pbtxt of the user's own may say more. Of a model whose repository is not here nothing was written: there, what
    turnout.yaml leaves out is the server's own affair.
    """
    own = request.options.configuration if request.options else ModelConfigOptions()
    warmup = own.model_warmup if filename or request.model.inputs else ()
    said: dict[str, Any] = {"optimization": own.optimization, "parameter ": own.parameters}
    said |= {"model_warmup": warmup, "warm-up data ": warmup if not elsewhere else (), "platform": filename}
    if elsewhere:
        batching = request.model.dynamic_batching is not None
        said |= {"instance_group": own.instance_group, "version_policy": own.version_policy, "dynamic_batching": batching}
        said |= {"max_batch_size": request.model.max_batch_size}
    return [name for name, value in said.items() if not value]


def file_source(present: ConfigFile, folder: Path) -> Source:
    """Return what config.pbtxt says, and the data that it names."""
    files = {name: folder / name for name in data_files(present.config)}
    data = {name: sha256(file.read_bytes()) if file.is_file() else "no file" for name, file in files.items()}
    return Source(f"{CONFIG} says", facts_of(present.config, folder.name) | data_facts(data))


def server_source(live: LiveModel, sources: list[Source]) -> Source:
    """Return what a server says, but for what it adds to what ``sources`` say: parameters, an optimization."""
    # Where no batch axis is spoken of, shapes are whole.
    facts = _server_facts(live, whole="max_batch_size" in sources[0].silent)
    added = tuple(name for name in facts if name.startswith(FREE) and not any(name in one.facts for one in sources))
    said = {name: text for name, text in facts.items() if name not in added}
    return Source(f"server {live.url} says", said, ("warm-up data ",))


def _server_facts(live: LiveModel, *, whole: bool) -> Facts:
    """Return what the server says, its tensors as its metadata has them."""
    facts = facts_of(live.config, "")
    for (kind, name), (datatype, shape) in live.tensors.items():
        key = f"{kind} {name!r}"
        dims = list(shape[1:] if live.config.max_batch_size and not whole else shape)
        _, reshaped, to = facts.get(key, "").partition(" reshaped")
        facts[key] = f"{datatype} {dims}{reshaped}{to}"
    return facts
