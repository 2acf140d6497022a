"""Models in half precision, and the answers that they would give in float32."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch  # noqa: TID253  this module is imported by an export only

Tensors = tuple[torch.Tensor, ...]


def dtype_name(module: torch.nn.Module) -> str:
    """Return the least precise datatype of the module's weights: ``bfloat16``, ``float16``, else ``float32``."""
    found = {tensor.dtype for tensor in module.state_dict().values() if isinstance(tensor, torch.Tensor)}
    return "bfloat16" if torch.bfloat16 in found else "float16" if torch.float16 in found else "float32"


def float32_answers(
    module: torch.nn.Module, call_of: Callable[[torch.nn.Module], Callable[..., Tensors]]
) -> Callable[..., Tensors]:
    """Return a function that answers as ``module`` would in float32, with the same weights; it copies the module at a call.

    ``call_of`` returns the function that calls a module with inputs by position.
    """

    def answer(*inputs: torch.Tensor) -> Tensors:
        wide = copy.deepcopy(module).float()
        with torch.inference_mode():
            return tuple(_widened(tensor) for tensor in call_of(wide)(*map(_widened, inputs)))

    return answer


def _widened(tensor: Any) -> Any:
    return tensor.float() if tensor.is_floating_point() else tensor
