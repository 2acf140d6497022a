"""What turnout.yaml, config.pbtxt and each server say of a model, in a form that can be compared."""

from __future__ import annotations

from pathlib import Path

from turnout import CheckRequest, ModelSignature
from turnout_triton.options import TritonOptions
from turnout_triton.repository.config_file import ConfigFile
from turnout_triton.repository.differences import Source
from turnout_triton.repository.facts import Facts, data_facts, data_files, facts_of, sha256
from turnout_triton.repository.layout import CONFIG, newest_file
from turnout_triton.repository.live import LiveModel
from turnout_triton.repository.model_config import wanted_config
from turnout_triton.repository.signature import file_signature

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
    signature = file_signature(file)
    filename = file.name if file else ""
    silent = [] if present and present.generated else [name for name in FREE if name not in _said(options)]
    verbs = {"platform": f"{filename} needs"}
    for kind, declared, found in (("input ", model.inputs, signature.inputs), ("output ", model.outputs, signature.outputs)):
        if not declared and not found:
            silent.append(kind)
        elif not declared:
            verbs[kind] = f"{filename} has"
    known = file is not None and not {"input ", "output "} & set(silent)
    if not known:
        # A python model's file, for one, tells nothing: what is declared is compared, and what else there is.
        silent.append("platform")
    wanted = wanted_config(model, options, folder, filename if known else "", signature)
    facts = facts_of(wanted.config, folder.name) | data_facts({name: sha256(data) for name, data in wanted.files.items()})
    facts = {name: text for name, text in facts.items() if not name.startswith(tuple(silent))}
    return Source("turnout.yaml says", facts, tuple(silent), verbs)


def _said(options: TritonOptions | None) -> set[str]:
    if options is None:
        return set()
    own = options.configuration
    warmup = own.model_warmup
    given = {"optimization": own.optimization, "model_warmup": warmup, "warm-up data ": warmup, "parameter ": own.parameters}
    return {prefix for prefix, value in given.items() if value}


def file_source(present: ConfigFile, folder: Path) -> Source:
    """Return what config.pbtxt says, and the data that it names."""
    files = {name: folder / name for name in data_files(present.config)}
    data = {name: sha256(file.read_bytes()) if file.is_file() else "no file" for name, file in files.items()}
    return Source(f"{CONFIG} says", facts_of(present.config, folder.name) | data_facts(data))


def server_source(live: LiveModel, sources: list[Source]) -> Source:
    """Return what a server says, but for what it adds to what ``sources`` say: parameters, an optimization."""
    facts = _server_facts(live)
    added = tuple(name for name in facts if name.startswith(FREE) and not any(name in one.facts for one in sources))
    said = {name: text for name, text in facts.items() if name not in added}
    return Source(f"server {live.url} says", said, ("warm-up data ",))


def _server_facts(live: LiveModel) -> Facts:
    """Return what the server says, its tensors as its metadata has them."""
    facts = facts_of(live.config, "")
    for (kind, name), (datatype, shape) in live.tensors.items():
        key = f"{kind} {name!r}"
        dims = list(shape[1:] if live.config.max_batch_size else shape)
        _, reshaped, to = facts.get(key, "").partition(" reshaped")
        facts[key] = f"{datatype} {dims}{reshaped}{to}"
    return facts
