"""Ensembles: models chained inside the server, the outputs of one are the inputs of the next.

A pipeline step between two models cannot be part of an ensemble, because steps are Python of this process. Each input of a
later model is connected to the nearest earlier output of the same name. If no name matches, and two neighbors have one output
and one input, those are connected. Every other input is an input of the ensemble.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout import ModelDeclaration
from turnout.errors import ConfigurationError, ExportError
from turnout_triton.repository.config_file import fields_of, read_config
from turnout_triton.repository.layout import CONFIG, is_folder_name


@dataclass(slots=True)
class _Wiring:
    """The connections of an ensemble so far.

    Attributes:
        name: the ensemble.
        inputs: the ensemble's own inputs by name.
        outputs: by name of an earlier output, the ensemble tensor that carries it, and the output itself.
        steps: the scheduling steps.
    """

    name: str
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, tuple[str, Any]] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


def ensemble_fields(model: ModelDeclaration, names: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return ``input``, ``output`` and ``ensemble_scheduling`` of the ensemble of the models ``names`` of its repository.

    Raises:
        ExportError: the models cannot be chained; the message names the mismatch.
    """
    configs = [_read_member(name, folder.parent, model) for name in names]
    _check_batches(model, names, configs)
    wiring = _Wiring(model.name)
    for place, (name, config) in enumerate(zip(names, configs, strict=True)):
        last = place == len(names) - 1
        _add_step(wiring, name, config, configs[place - 1] if place else None, prefix="" if last else f"{place}/")
    outputs = [_tensor_fields(output, output.name) for output in configs[-1].output]
    for output in outputs:
        if output["name"] in wiring.inputs:
            raise ExportError(
                f"ensemble {model.name!r} would have an input and an output called {output['name']!r}, which Triton cannot "
                f"distinguish; rename that output of {names[-1]!r}"
            )
    inputs = [_tensor_fields(tensor, name) for name, tensor in wiring.inputs.items()]
    return {"input": inputs, "output": outputs, "ensemble_scheduling": {"step": wiring.steps}}


def _read_member(name: str, repository: Path, model: ModelDeclaration) -> Any:
    """Return the config of the model ``name`` of the ensemble ``model``."""
    if not is_folder_name(name):
        raise ExportError(f"ensemble {model.name!r} names the model {name!r}, which is no folder name; correct 'ensemble'")
    try:
        found = read_config(repository / name / CONFIG)
    except ConfigurationError as error:
        raise ExportError(f"ensemble {model.name!r}: {error}") from error
    if found is None or not found.config.input or not found.config.output:
        raise ExportError(
            f"ensemble {model.name!r} needs the model {name!r}, and {str(repository / name / CONFIG)!r} does not declare its "
            f"inputs and outputs; write it first: turnout export {shlex.quote(name)}"
        )
    if found.config.model_transaction_policy.decoupled:
        raise ExportError(f"ensemble {model.name!r}: {name!r} streams its responses (decoupled); remove it from the ensemble")
    return found.config


def _check_batches(model: ModelDeclaration, names: Sequence[str], configs: Sequence[Any]) -> None:
    """Raise ExportError if the models have no batch size in common with the ensemble."""
    if len(names) < 2:
        raise ExportError(f"ensemble {model.name!r} has one model; name two or more, in order")
    sizes = {name: config.max_batch_size for name, config in zip(names, configs, strict=True)}
    listed = ", ".join(f"{name!r} {size}" for name, size in sizes.items())
    if any(sizes.values()) and not all(sizes.values()):
        raise ExportError(
            f"ensemble {model.name!r} mixes models with and without a batch axis (max_batch_size: {listed}); export all of "
            "them with one"
        )
    largest = min(sizes.values())
    if model.max_batch_size > largest or (largest and not model.max_batch_size):
        raise ExportError(
            f"ensemble {model.name!r} has max_batch_size {model.max_batch_size}, its models have {listed}; "
            f"write max_batch_size: {largest}"
        )


def _add_step(wiring: _Wiring, name: str, config: Any, before: Any, prefix: str) -> None:
    """Add the model ``name`` after ``before``, its neighbor; ``prefix`` keeps its outputs distinct from those of others."""
    input_map = {tensor.name: _connect_input(wiring, name, tensor, config, before) for tensor in config.input}
    if before is not None and not {source for source, _ in wiring.outputs.values()} & set(input_map.values()):
        earlier = ", ".join(f"{name!r} {_text(tensor)}" for name, (_, tensor) in wiring.outputs.items())
        raise ExportError(
            f"ensemble {wiring.name!r}: {name!r} uses no output of the models before it: its inputs are "
            f"{_tensor_list(config.input)}, the earlier outputs are {earlier}; rename one, or use a pipeline, whose steps can "
            "convert them"
        )
    output_map = {tensor.name: f"{prefix}{tensor.name}" for tensor in config.output}
    wiring.outputs |= {tensor.name: (output_map[tensor.name], tensor) for tensor in config.output}
    wiring.steps.append({"model_name": name, "model_version": -1, "input_map": input_map, "output_map": output_map})


def _connect_input(wiring: _Wiring, name: str, tensor: Any, config: Any, before: Any) -> str:
    """Return the ensemble's tensor for an input of the model ``name``."""
    earlier = wiring.outputs.get(tensor.name)
    if earlier is None and before is not None and len(config.input) == len(before.output) == 1:
        earlier = wiring.outputs[before.output[0].name]
    if earlier is not None:
        source, output = earlier
        if not _fits(output, tensor):
            raise ExportError(
                f"ensemble {wiring.name!r}: output {output.name!r} is {_text(output)}, and input {tensor.name!r} of {name!r} "
                f"takes {_text(tensor)}; a pipeline can convert it, an ensemble cannot"
            )
        return source
    first = wiring.inputs.setdefault(tensor.name, tensor)
    if _text(first) != _text(tensor):
        raise ExportError(
            f"ensemble {wiring.name!r}: two of its models take {tensor.name!r} from the caller, as {_text(first)} and as "
            f"{_text(tensor)}; rename one"
        )
    return str(tensor.name)


def _fits(output: Any, tensor: Any) -> bool:
    return output.data_type == tensor.data_type and (
        len(output.dims) == len(tensor.dims)
        and all(-1 in (have, need) or have == need for have, need in zip(output.dims, tensor.dims, strict=True))
    )


def _tensor_fields(tensor: Any, name: str) -> dict[str, Any]:
    fields = fields_of(tensor)
    return {"name": name, "data_type": fields["data_type"], "dims": fields["dims"]}


def _tensor_list(tensors: Sequence[Any]) -> str:
    return ", ".join(f"{tensor.name!r} {_text(tensor)}" for tensor in tensors)


def _text(tensor: Any) -> str:
    return f"{fields_of(tensor)['data_type'].removeprefix('TYPE_')} {list(tensor.dims)}"
