"""Detection of Python control flow that depends on tensor values: a trace would keep one branch permanently.

Control flow that depends on sizes is allowed: declared sizes are fixed, and the output check runs free axes with other sizes.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch  # noqa: TID253  this module is imported by an export only
from torch.overrides import TorchFunctionMode  # noqa: TID253

from turnout_direct.export.failures import location

_Tensor = torch.Tensor
# Functions that return a tensor's value to Python.
_READS_VALUE = {
    *(_Tensor.__bool__, _Tensor.__int__, _Tensor.__float__, _Tensor.__index__, _Tensor.__complex__, _Tensor.__contains__),
    *(_Tensor.item, _Tensor.tolist, _Tensor.numpy, _Tensor.__array__, _Tensor.equal, _Tensor.is_nonzero, _Tensor.allclose),
    *(torch.equal, torch.is_nonzero, torch.allclose),
}
# Operators whose results depend on sizes or weights only, not on the values of their inputs.
_VALUELESS = {
    *("prim::GetAttr", "prim::Constant", "aten::size", "aten::dim", "aten::numel", "aten::sym_size"),
    *("aten::zeros_like", "aten::ones_like", "aten::full_like", "aten::empty_like", "aten::rand_like", "aten::randn_like"),
    *("aten::new_zeros", "aten::new_ones", "aten::new_full", "aten::new_empty"),
}
# Operators whose results have a size that depends on values.
_SIZED_BY_VALUES = {
    *("aten::nonzero", "aten::nonzero_numpy", "aten::argwhere", "aten::masked_select", "aten::unique_dim"),
    *("aten::_unique", "aten::_unique2", "aten::unique_consecutive", "aten::bincount"),
}
_TORCH = str(Path(torch.__file__).parent)


class DataDependentControlFlow(TorchFunctionMode):  # type: ignore[misc]  # torch is untyped here
    """Records in ``place`` the first line at which a traced module reads the value of a tensor that depends on inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.place: str | None = None

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.place is None and function in _READS_VALUE and torch.jit.is_tracing():
            self.place = _current_line() if any(map(_depends_on_values, _tensors(args))) else None
        return function(*args, **(kwargs or {}))


def _tensors(args: Iterable[Any]) -> list[torch.Tensor]:
    return [argument for argument in args if isinstance(argument, torch.Tensor)]


def _depends_on_values(tensor: torch.Tensor) -> bool:
    """Return whether the graph traced so far computes ``tensor`` from values of inputs."""
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
        waiting += [(parent, by_value and kind not in _VALUELESS) for parent in node.inputs()]
    return False


def _is_sized_by_values(node: Any) -> bool:
    if node.kind() != "aten::index":
        return node.kind() in _SIZED_BY_VALUES
    # Indexing by a boolean mask gives as many rows as the mask has true values; other indices have a fixed size.
    indices = list(node.inputs())[1].node().inputs()
    return any(index.isCompleteTensor() and index.type().scalarType() == "Bool" for index in indices)


def _current_line() -> str:
    """Return the innermost running line outside torch and this file."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (frame.f_code.co_filename.startswith(_TORCH) or frame.f_code.co_filename == __file__):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    return location(file, line, linecache.getline(file, line))
