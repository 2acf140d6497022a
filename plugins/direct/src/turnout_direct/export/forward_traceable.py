"""A traceable module for a model with ``method: forward``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.failures import first_line
from turnout_direct.export.half_precision import dtype_name, float32_answers
from turnout_direct.export.traceable import Traceable, check_inputs, random_example
from turnout_direct.forward_method import ForwardMethod
from turnout_direct.options import DirectOptions
from turnout_direct.precision import Precision, precision_of


class OrderedForward(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """The model as the backend ``direct`` runs it, with inputs in a fixed order and outputs as a tuple."""

    def __init__(self, module: torch.nn.Module, forward: ForwardMethod, inputs: Sequence[str], precision: Precision) -> None:
        super().__init__()
        # Registered for its weights only; ``call`` runs it.
        self.module = module
        self.call = forward
        self.inputs = tuple(inputs)
        self.precision = precision

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.run_by_name(*inputs).values())

    def run_by_name(self, *inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the outputs by name."""
        named = self.precision.narrow(dict(zip(self.inputs, inputs, strict=True)))
        return dict(self.precision.widen(self.call(named)))


def forward_traceable(model: ModelDeclaration, options: DirectOptions, module: torch.nn.Module) -> Traceable:
    """Return ``module`` for export, with the declared inputs and the output names of the backend ``direct``.

    Raises:
        ExportError: the inputs are unknown, or the module fails on them.
    """
    label = type(module).__name__
    forward = _create_method(model, options, module)
    inputs = forward.signature().inputs or _config_inputs(model.name, label, module)
    check_inputs(model.name, inputs)
    names = [spec.name for spec in inputs]
    call = OrderedForward(module, forward, names, precision_of(model, options))
    dtype = dtype_name(module)

    def call_in_float32(wide: torch.nn.Module) -> OrderedForward:
        return OrderedForward(wide, _create_method(model, options, wide), names, Precision())

    return Traceable(
        model=model.name,
        label=label,
        module=call,
        inputs=tuple(inputs),
        outputs=tuple(_run_once(model.name, label, call, inputs)),
        example=lambda batch, seed=0: random_example(inputs, batch, seed),
        reference=torch.inference_mode()(call),
        max_batch_size=model.max_batch_size,
        dtype=dtype,
        truth=None if dtype == "float32" else float32_answers(module, call_in_float32),
    )


def _create_method(model: ModelDeclaration, options: DirectOptions, module: torch.nn.Module) -> ForwardMethod:
    try:
        return ForwardMethod(module, model, options)
    except ValueError as error:
        raise ExportError(f"model {model.name!r} cannot be called: {error}") from error


def _config_inputs(model: str, label: str, module: torch.nn.Module) -> tuple[TensorSpec, ...]:
    config = getattr(module, "config", None)
    size = getattr(config, "image_size", None)
    if getattr(module, "main_input_name", "") != "pixel_values" or not isinstance(size, int):
        raise ExportError(
            f"model {model!r} ({label}) does not declare the shapes of its inputs; "
            "declare them in turnout.yaml, such as 'inputs: {pixel_values: FP32[3,384,384]}'"
        )
    return (TensorSpec("pixel_values", "FP32", (-1, getattr(config, "num_channels", 3), size, size)),)


def _run_once(model: str, label: str, call: OrderedForward, inputs: Sequence[TensorSpec]) -> dict[str, Any]:
    try:
        with torch.inference_mode():
            return call.run_by_name(*random_example(inputs, 1))
    except Exception as error:
        specs = ", ".join(f"{spec.name!r} {spec}" for spec in inputs)
        raise ExportError(
            f"model {model!r} ({label}) fails on inputs {specs}: {type(error).__name__}: {first_line(error)!r}; "
            "correct 'inputs' or 'returns' in turnout.yaml, or the model's code"
        ) from error
