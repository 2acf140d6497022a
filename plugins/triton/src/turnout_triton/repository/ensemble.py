"""Models chained inside the server: the outputs of one are the inputs of the next.

What an ensemble cannot have is a pipeline step between two models, since steps are Python of this side. Each input of a later
model is fed by the nearest earlier output of the same name. Where no name fits and two neighbours have one output and one
input, those are joined. Any other input is asked of the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout import ModelDeclaration
from turnout.errors import ConfigurationError, ExportError
from turnout_triton.repository.config_file import read_config, words_of
from turnout_triton.repository.layout import CONFIG


@dataclass(slots=True)
class _Wiring:
    """An ensemble under way: what the caller gives, and each output so far by the tensor that carries it."""

    name: str
    inputs: dict[str, Any] = field(default_factory=dict)
    given: dict[str, tuple[str, Any]] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


def ensemble_words(model: ModelDeclaration, names: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return ``input``, ``output`` and ``ensemble_scheduling`` of the ensemble of the models ``names`` of its repository.

    Raises:
        ExportError: they cannot be chained; the message names what does not fit.
    """
    configs = [_config(name, folder.parent, model) for name in names]
    _check_batches(model, names, configs)
    wiring = _Wiring(model.name)
    for place, (name, config) in enumerate(zip(names, configs, strict=True)):
        last = place == len(names) - 1
        _add(wiring, name, config, configs[place - 1] if place else None, prefix="" if last else f"{place}/")
    outputs = [_tensor_words(output, output.name) for output in configs[-1].output]
    for output in outputs:
        if output["name"] in wiring.inputs:
            raise ExportError(
                f"ensemble {model.name!r} would take and give a tensor called {output['name']!r}, which Triton cannot tell "
                f"apart; rename that output of {names[-1]!r}"
            )
    inputs = [_tensor_words(tensor, name) for name, tensor in wiring.inputs.items()]
    return {"input": inputs, "output": outputs, "ensemble_scheduling": {"step": wiring.steps}}


def _config(name: str, repository: Path, model: ModelDeclaration) -> Any:
    try:
        found = read_config(repository / name / CONFIG)
    except ConfigurationError as error:
        raise ExportError(f"ensemble {model.name!r}: {error}") from error
    if found is None or not found.config.input or not found.config.output:
        raise ExportError(
            f"ensemble {model.name!r} needs the model {name!r}, and {str(repository / name / CONFIG)!r} does not say what it "
            f"takes and gives; write it first: turnout export {name}"
        )
    if found.config.model_transaction_policy.decoupled:
        raise ExportError(f"ensemble {model.name!r}: {name!r} streams its answers (decoupled); take it out of the ensemble")
    return found.config


def _check_batches(model: ModelDeclaration, names: Sequence[str], configs: Sequence[Any]) -> None:
    if len(names) < 2:
        raise ExportError(f"ensemble {model.name!r} has one model; name two or more, in order")
    sizes = {name: config.max_batch_size for name, config in zip(names, configs, strict=True)}
    told = ", ".join(f"{name!r} {size}" for name, size in sizes.items())
    if any(sizes.values()) and not all(sizes.values()):
        raise ExportError(
            f"ensemble {model.name!r} mixes models with and without a batch axis (max_batch_size: {told}); export all of them "
            "with one"
        )
    largest = min(sizes.values())
    if model.max_batch_size > largest or (largest and not model.max_batch_size):
        raise ExportError(
            f"ensemble {model.name!r} has max_batch_size {model.max_batch_size}, its models have {told}; "
            f"write max_batch_size: {largest}"
        )


def _add(wiring: _Wiring, name: str, config: Any, before: Any, prefix: str) -> None:
    """Add the model ``name`` behind ``before``, its neighbour; ``prefix`` sets its outputs apart from those of others."""
    input_map = {tensor.name: _source(wiring, name, tensor, config, before) for tensor in config.input}
    if before is not None and not {source for source, _ in wiring.given.values()} & set(input_map.values()):
        raise ExportError(
            f"ensemble {wiring.name!r}: nothing that comes before {name!r} feeds it. It takes {_listed(config.input)}; "
            f"there are {', '.join(f'{name!r} {_text(tensor)}' for name, (_, tensor) in wiring.given.items())}. "
            "A pipeline step between them cannot be part of an ensemble"
        )
    output_map = {tensor.name: f"{prefix}{tensor.name}" for tensor in config.output}
    wiring.given |= {tensor.name: (output_map[tensor.name], tensor) for tensor in config.output}
    wiring.steps.append({"model_name": name, "model_version": -1, "input_map": input_map, "output_map": output_map})


def _source(wiring: _Wiring, name: str, tensor: Any, config: Any, before: Any) -> str:
    """Return the ensemble's tensor that feeds an input of the model ``name``."""
    earlier = wiring.given.get(tensor.name)
    if earlier is None and before is not None and len(config.input) == len(before.output) == 1:
        earlier = wiring.given[before.output[0].name]
    if earlier is not None:
        source, output = earlier
        if not _fits(output, tensor):
            raise ExportError(
                f"ensemble {wiring.name!r}: output {output.name!r} is {_text(output)}, and input {tensor.name!r} of {name!r} "
                f"takes {_text(tensor)}; a pipeline can convert it, an ensemble cannot"
            )
        return source
    asked = wiring.inputs.setdefault(tensor.name, tensor)
    if _text(asked) != _text(tensor):
        raise ExportError(
            f"ensemble {wiring.name!r}: two of its models ask the caller for {tensor.name!r}, as {_text(asked)} and as "
            f"{_text(tensor)}; rename one"
        )
    return str(tensor.name)


def _fits(output: Any, tensor: Any) -> bool:
    return output.data_type == tensor.data_type and (
        len(output.dims) == len(tensor.dims)
        and all(-1 in (have, want) or have == want for have, want in zip(output.dims, tensor.dims, strict=True))
    )


def _tensor_words(tensor: Any, name: str) -> dict[str, Any]:
    words = words_of(tensor)
    return {"name": name, "data_type": words["data_type"], "dims": words["dims"]}


def _listed(tensors: Sequence[Any]) -> str:
    return ", ".join(f"{tensor.name!r} {_text(tensor)}" for tensor in tensors)


def _text(tensor: Any) -> str:
    return f"{words_of(tensor)['data_type'].removeprefix('TYPE_')} {list(tensor.dims)}"
