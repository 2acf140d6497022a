"""Exporting a model that answers in one ``forward``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelDeclaration
from turnout.errors import ExportError, suggestion
from turnout.tensors import TensorSpec
from turnout_direct.export.traceable import Traceable, check_inputs, random_example

Returns = Mapping[str, str | int]


class NamedOutputs(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Calls a module with inputs in a fixed order and returns the wanted parts of its result as a tuple."""

    def __init__(self, module: torch.nn.Module, inputs: Sequence[str], returns: Returns) -> None:
        super().__init__()
        self.module = module
        self.keywords = tuple(inputs) if takes_keywords(module, inputs) else ()
        self.returns = tuple(returns.values())

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self.keywords:
            result = self.module(**dict(zip(self.keywords, inputs, strict=True)))
        else:
            result = self.module(*inputs)
        return tuple(part_of(result, key) for key in self.returns)


def forward_traceable(model: ModelDeclaration, module: torch.nn.Module, returns: Returns | None) -> Traceable:
    """Return ``module`` ready for export: inputs as declared, outputs as ``returns`` names them.

    Raises:
        ExportError: the inputs are not known, the module fails on them, or it does not return what ``returns`` says.
    """
    label = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise ExportError(
            f"model {model.name!r} is TorchScript, which cannot be written as ONNX; "
            "load it from its class or a factory, or serve the file itself with Triton"
        )
    inputs = model.inputs or _own_inputs(model.name, module)
    check_inputs(model.name, inputs)
    names = [spec.name for spec in inputs]
    with torch.inference_mode():
        result = _call(model.name, NamedOutputs(module, names, {"": ""}), module, random_example(inputs, 1))
    found = returns or _own_outputs(model, result)
    for name, key in found.items():
        _check_part(model.name, label, name, key, result)
    traced = NamedOutputs(module, names, found).eval()
    return Traceable(
        model=model.name,
        label=label,
        module=traced,
        inputs=tuple(inputs),
        outputs=tuple(found),
        example=lambda batch: random_example(inputs, batch),
        answer=torch.inference_mode()(traced),
    )


def takes_keywords(module: torch.nn.Module, names: Sequence[str]) -> bool:
    """Tell whether the module's ``forward`` has a parameter for each of ``names``; otherwise they go by position."""
    return set(names) <= set(inspect.signature(module.forward).parameters)


def part_of(result: Any, key: str | int) -> Any:
    """Return the part of a module's result that ``key`` stands for: the result, an element, a key or an attribute."""
    if key == "":
        return result
    if isinstance(key, int):
        return (tuple(result.values()) if isinstance(result, Mapping) else result)[key]
    return result[key] if isinstance(result, Mapping) else getattr(result, key)
