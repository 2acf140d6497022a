"""The inputs that a module's ``forward`` accepts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnout.errors import InvalidTensorError, suggestion
from turnout.tensors.positions import NUMBERED, input_positions

if TYPE_CHECKING:
    import torch

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class ForwardArguments:
    """The parameters of a ``forward``.

    Attributes:
        names: every parameter, in order.
        required: those without a default.
        positional: those that must be passed by position, in order.
        open: other names are accepted too (``**kwargs``).
        mapping: the only parameter is a dict of all inputs.
        numbered: inputs may be called ``NAME__<position>``, as in Triton for TorchScript.
        aliases: other names of parameters, for inputs that turnout.yaml declares in the order of ``forward``.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    positional: tuple[str, ...] = ()
    open: bool = False
    mapping: bool = False
    numbered: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def accepted(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names that a request must have, and those that it may have; none of either where other names are accepted too.

        Those are ``**kwargs``, a dict of all inputs, and the numbers that TorchScript may have instead of names.
        """
        if self.open or self.mapping or self.numbered:
            return (), ()
        return self.required, tuple(name for name in self.names if name not in self.required)

    def bind(self, inputs: Mapping[str, torch.Tensor], model: str) -> tuple[list[Any], dict[str, torch.Tensor]]:
        """Return ``inputs`` as positional and keyword arguments; a single input may have any name.

        Raises:
            InvalidTensorError: ``forward`` does not accept a name, or a required name is missing.
        """
        if self.mapping:
            return [dict(inputs)], {}
        inputs = self._named_like_parameters(inputs)
        if len(inputs) == 1 and len(self.required or self.names[:1]) == 1 and not set(inputs) & set(self.names):
            return list(inputs.values()), {}
        if not self.names and self.open and len(inputs) == 1:
            return list(inputs.values()), {}
        self._check(inputs, model)
        first = [inputs[name] for name in self.positional if name in inputs]
        return first, {name: value for name, value in inputs.items() if name not in self.positional}

    def _named_like_parameters(self, inputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        if self.numbered and not self.aliases and not set(inputs) & set(self.names):
            found = {name: match for name in inputs if (match := NUMBERED.match(name))}
            places = {name: int(match["position"]) for name, match in found.items()}
            if len(places) == len(inputs) == len(set(places.values())) and max(places.values(), default=0) < len(self.names):
                return {self.names[places[name]]: tensor for name, tensor in inputs.items()}
        return {self.aliases.get(name, name): tensor for name, tensor in inputs.items()} if self.aliases else inputs

    def _check(self, inputs: Mapping[str, Any], model: str) -> None:
        for name in inputs:
            if name not in self.names and not self.open:
                raise InvalidTensorError(
                    f"model {model!r} has no input {name!r}; its forward takes: {', '.join(self.names)}."
                    f"{suggestion(name, self.names)}",
                    field=name,
                )
        missing = [name for name in self.required if name not in inputs]
        if missing:
            raise InvalidTensorError(
                f"model {model!r} needs input {missing[0]!r}; got: {', '.join(inputs) or 'nothing'}; "
                f"its forward takes: {', '.join(self.names)}",
                field=missing[0],
            )


def arguments_of(module: torch.nn.Module, declared: Sequence[str] = ()) -> ForwardArguments:
    """Return the parameters of ``module.forward``: of a Python, TorchScript or torch.export module.

    ``declared`` are the inputs in turnout.yaml: those of TorchScript may have other names than the parameters, as in Triton.

    Raises:
        ValueError: a torch.export graph that takes lists or dicts of tensors, or inputs that do not fit TorchScript's.
    """
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        return _schema_arguments(module.forward.schema, declared)
    if isinstance(module, torch.fx.GraphModule) and hasattr(module, "_in_spec"):
        return _graph_arguments(module)
    parameters = list(inspect.signature(module.forward).parameters.values())
    named = [parameter for parameter in parameters if parameter.kind in _NAMED]
    required = [parameter.name for parameter in named if parameter.default is inspect.Parameter.empty]
    only_first = [parameter.name for parameter in named if parameter.kind is inspect.Parameter.POSITIONAL_ONLY]
    is_open = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    return ForwardArguments(tuple(parameter.name for parameter in named), tuple(required), tuple(only_first), is_open)


def _schema_arguments(schema: Any, declared: Sequence[str]) -> ForwardArguments:
    # The first argument is the module itself; its author may not have named it "self".
    arguments = schema.arguments[1:]
    names = tuple(argument.name for argument in arguments)
    required = tuple(argument.name for argument in arguments if not argument.has_default_value())
    if len(arguments) == 1 and str(arguments[0].type).startswith("Dict"):
        return ForwardArguments(names, required, mapping=True)
    places = input_positions(declared, names) if declared else {}
    return ForwardArguments(names, required, numbered=True, aliases={name: names[place] for name, place in places.items()})


def _graph_arguments(graph: Any) -> ForwardArguments:
    # A torch.export module accepts each input only as it was exported: by position or by keyword.
    positional, keywords = graph._in_spec.children()
    if any(not spec.is_leaf() for spec in (*positional.children(), *keywords.children())):
        raise ValueError("its graph takes lists or dicts of tensors; export it again with one argument for each tensor")
    names = tuple(node.name for node in graph.graph.nodes if node.op == "placeholder")
    return ForwardArguments(names, names, names[: positional.num_children])
