"""Method ``forward``: one call of the module answers a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from turnout import ModelDeclaration, ModelSignature
from turnout.tensors import DTYPES, TensorSpec
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.forward_arguments import arguments_of
from turnout_direct.options import DirectOptions
from turnout_direct.output_names import name_outputs

if TYPE_CHECKING:
    import torch

Tensors = Mapping[str, "torch.Tensor"]


class ForwardMethod:
    """Calls ``module`` with tensors by name and names its outputs. Thread-safe if the module's own code is.

    Raises:
        ValueError: a torch.export graph that takes lists or dicts of tensors, or declared inputs that do not fit TorchScript.
    """

    def __init__(self, module: torch.nn.Module, model: ModelDeclaration, options: DirectOptions) -> None:
        self._arguments = arguments_of(module, [spec.name for spec in model.inputs])
        self._graph_signature = signature_of_graph(module, model, options)
        self._module = _compile(module, options)
        self._model = model
        self._returns = options.returns
        self._outputs = [spec.name for spec in model.outputs]

    def __call__(self, inputs: Tensors) -> dict[str, torch.Tensor]:
        first, named = self._arguments.bind(inputs, self._model.name)
        return name_outputs(self._module(*first, **named), self._returns, self._outputs, self._model.name)

    def signature(self) -> ModelSignature:
        """Return the declared inputs and outputs, else those of a torch.export graph, and the names that ``forward`` has."""
        required, optional = self._arguments.accepted
        return ModelSignature(
            self._model.inputs or self._graph_signature.inputs,
            self._model.outputs or self._graph_signature.outputs,
            input_names=required,
            optional_names=optional,
        )


def signature_of_graph(module: torch.nn.Module, model: ModelDeclaration, options: DirectOptions) -> ModelSignature:
    """Return the inputs and outputs recorded in a torch.export graph; empty for any other module."""
    import torch

    if not (isinstance(module, torch.fx.GraphModule) and hasattr(module, "_in_spec")):
        return ModelSignature()
    nodes = list(module.graph.nodes)
    inputs = {node.name: node.meta.get("val") for node in nodes if node.op == "placeholder"}
    values = [getattr(part, "meta", {}).get("val") for part in nodes[-1].args[0]]
    result = torch.utils._pytree.tree_unflatten(values, module._out_spec)
    outputs = name_outputs(result, options.returns, [spec.name for spec in model.outputs], model.name)
    return ModelSignature(_specs(inputs), _specs(outputs))


def _specs(values: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    specs = [_spec(name, value) for name, value in values.items()]
    return tuple(spec for spec in specs if spec) if all(specs) else ()


def _spec(name: str, value: Any) -> TensorSpec | None:
    """Return the spec of one traced tensor; symbolic sizes become -1."""
    import torch

    names = {str(torch.bfloat16): "BF16", **{f"torch.{dtype.name}": name for name, dtype in DTYPES.items() if name != "BF16"}}
    datatype = names.get(str(getattr(value, "dtype", None)))
    if datatype is None:
        return None
    return TensorSpec(name, datatype, tuple(size if type(size) is int else -1 for size in value.shape))


def _compile(module: torch.nn.Module, options: DirectOptions) -> torch.nn.Module:
    import torch

    if not options.compile:
        return module
    with allow_torchscript():
        return torch.compile(module) if options.compile is True else torch.compile(module, mode=options.compile)
