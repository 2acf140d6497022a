"""Noticing Python that decides by what a tensor holds, which a trace would keep for ever as it was in the example.

Deciding by a size is another thing: sizes that are declared stay, and free ones are tried with other sizes afterwards.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch  # noqa: TID253  this module is imported by an export only
from torch.overrides import TorchFunctionMode  # noqa: TID253

from turnout_direct.export.failures import place_of

_Tensor = torch.Tensor
# What gives Python a value out of a tensor.
_TELLING = {
    *(_Tensor.__bool__, _Tensor.__int__, _Tensor.__float__, _Tensor.__index__, _Tensor.__complex__, _Tensor.__contains__),
    *(_Tensor.item, _Tensor.tolist, _Tensor.numpy, _Tensor.__array__, _Tensor.equal, _Tensor.is_nonzero, _Tensor.allclose),
    *(torch.equal, torch.is_nonzero, torch.allclose),
}
# Operators whose answers know sizes only, or weights only, whatever they are given.
_VALUELESS = {
    *("prim::GetAttr", "prim::Constant", "aten::size", "aten::dim", "aten::numel", "aten::sym_size"),
    *("aten::zeros_like", "aten::ones_like", "aten::full_like", "aten::empty_like", "aten::rand_like", "aten::randn_like"),
    *("aten::new_zeros", "aten::new_ones", "aten::new_full", "aten::new_empty"),
}
# Operators whose answers have a size that depends on values.
_SIZED_BY_VALUES = {
    *("aten::nonzero", "aten::nonzero_numpy", "aten::argwhere", "aten::masked_select", "aten::unique_dim"),
    *("aten::_unique", "aten::_unique2", "aten::unique_consecutive", "aten::bincount"),
}
_TORCH = str(Path(torch.__file__).parent)


class DecisionsByValues(TorchFunctionMode):  # type: ignore[misc]  # torch is untyped here
    """Keeps in ``place`` where a module that is being traced first asks for the value of a tensor that inputs make."""

    def __init__(self) -> None:
        super().__init__()
        self.place: str | None = None

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.place is None and function in _TELLING and torch.jit.is_tracing():
            self.place = _own_place() if any(map(_from_values, _tensors(args))) else None
        return function(*args, **(kwargs or {}))


def _tensors(args: Iterable[Any]) -> list[torch.Tensor]:
    return [argument for argument in args if isinstance(argument, torch.Tensor)]


def _from_values(tensor: torch.Tensor) -> bool:
    """Tell whether the graph traced so far computes ``tensor`` from values of inputs."""
    seen: set[str] = set()
    waiting = [(torch._C._get_value_trace(tensor), True)]
    while waiting:
        value, by_value = waiting.pop()
        node, name = value.node(), f"{value.debugName()}.{by_value}"
        if name in seen:
            continue
        seen.add(name)
        kind = node.kind()
        if (by_value and kind == "prim::Param") or _is_sized_by_values(node):
            return True
        waiting += [(given, by_value and kind not in _VALUELESS) for given in node.inputs()]
    return False


def _is_sized_by_values(node: Any) -> bool:
    if node.kind() != "aten::index":
        return node.kind() in _SIZED_BY_VALUES
    picked = list(node.inputs())[1].node().inputs()
    return any(index.isCompleteTensor() and index.type().scalarType() == "Bool" for index in picked)


def _own_place() -> str:
    """Return the line outside of torch and of this package that runs now."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (frame.f_code.co_filename.startswith(_TORCH) or frame.f_code.co_filename == __file__):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    return place_of(file, line, linecache.getline(file, line))
