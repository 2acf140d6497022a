"""Exporting a model that answers in one ``forward``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.failures import first_line
from turnout_direct.export.results import Returns, check_returns, own_returns, part_of
from turnout_direct.export.traceable import Traceable, check_inputs, random_example


class OrderedCall(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Calls a module with inputs in a fixed order and returns the wanted parts of its result, or all of it, as a tuple.

    Where the module's ``forward`` has a parameter of each input's name, inputs go by name, else by position.
    """

    def __init__(self, module: torch.nn.Module, inputs: Sequence[str], returns: Returns) -> None:
        super().__init__()
        self.module = module
        named = set(inputs) <= set(inspect.signature(module.forward).parameters)
        self.keywords = tuple(inputs) if named else ()
        self.parts = tuple(returns.values())

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        result = self.result(*inputs)
        return tuple(part_of(result, key) for key in self.parts)

    def result(self, *inputs: torch.Tensor) -> Any:
        """Return what the module itself returns."""
        if self.keywords:
            return self.module(**dict(zip(self.keywords, inputs, strict=True)))
        return self.module(*inputs)


def forward_traceable(model: ModelDeclaration, module: torch.nn.Module, returns: Returns) -> Traceable:
    """Return ``module`` ready for export: inputs as declared, outputs as ``returns`` says, or as the module names them.

    Raises:
        ExportError: the inputs are not known, the module fails on them, or it does not return what ``returns`` says.
    """
    label = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise ExportError(
            f"model {model.name!r} is TorchScript, which cannot be written as ONNX; "
            "load it from its class or a factory, or keep it on the backend 'direct'"
        )
    inputs = model.inputs or _own_inputs(model.name, label, module)
    check_inputs(model.name, inputs)
    names = [spec.name for spec in inputs]
    result = _try(model.name, OrderedCall(module, names, {}), label, inputs)
    returns = returns or own_returns(model, result)
    check_returns(model.name, label, returns, result)
    call = OrderedCall(module, names, returns)
    return Traceable(
        model=model.name,
        label=label,
        module=call,
        inputs=tuple(inputs),
        outputs=tuple(returns),
        example=lambda batch: random_example(inputs, batch),
        answer=torch.inference_mode()(call),
    )


def _own_inputs(model: str, label: str, module: torch.nn.Module) -> tuple[TensorSpec, ...]:
    config = getattr(module, "config", None)
    size = getattr(config, "image_size", None)
    if getattr(module, "main_input_name", "") != "pixel_values" or not isinstance(size, int):
        raise ExportError(
            f"model {model!r} ({label}) does not tell the shapes of its inputs; "
            "declare them in turnout.yaml, such as 'inputs: {pixel_values: FP32[3,384,384]}'"
        )
    return (TensorSpec("pixel_values", "FP32", (-1, getattr(config, "num_channels", 3), size, size)),)


def _try(model: str, call: OrderedCall, label: str, inputs: Sequence[TensorSpec]) -> Any:
    try:
        with torch.inference_mode():
            return call.result(*random_example(inputs, 1))
    except Exception as error:
        declared = ", ".join(f"{spec.name!r} {spec}" for spec in inputs)
        raise ExportError(
            f"model {model!r} ({label}) fails on inputs of the declared form {declared}: "
            f"{type(error).__name__}: {first_line(error)!r}; correct 'inputs' in turnout.yaml"
        ) from error
