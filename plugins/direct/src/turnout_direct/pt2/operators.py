"""Operators in the graph of a ``.pt2`` file: a closed list.

torch 2.13 resolves a target by its dotted name, below the whole package ``torch``: ``torch.os.system`` would be one.
"""

from __future__ import annotations

import re
from typing import Any

from turnout_direct.pt2.refusal import Pt2RefusedError, quoted

_OVERLOAD = re.compile(r"torch\.ops\.(aten|prims|torchvision|quantized_decomposed)\.([a-z_]\w*)\.([A-Za-z_]\w*)\Z", re.ASCII)
_NESTED_NAMES = "cond while_loop map_impl scan associative_scan wrap_with_set_grad_enabled wrap_with_autocast"
_NESTED = frozenset(f"torch.ops.higher_order.{name}" for name in _NESTED_NAMES.split())
_ON_SIZES_NAMES = {
    "_operator": "add sub mul truediv floordiv mod pow neg pos eq ne lt le gt ge and_ or_ lshift rshift getitem",
    "math": "trunc ceil floor",
    "torch": "_sym_sqrt sym_float sym_int sym_ite sym_max sym_min sym_not",
}
_ON_SIZES = frozenset(f"{module}.{name}" for module, names in _ON_SIZES_NAMES.items() for name in names.split())
_WORD_NAMES = (
    "reduce activation algorithm padding_side norm approximate mode ord rounding_mode interpolation driver p pad_mode UPLO "
    "side padding equation indexing api_name assert_msg"
)
WORDS = frozenset(_WORD_NAMES.split())
"""The arguments that hold a word. Another text, as ``filename`` of ``aten::from_file`` and ``aten::save``, is refused."""


def check_operator(target: str) -> None:
    """Raise Pt2RefusedError unless ``target`` computes tensors or sizes, and does nothing else."""
    if target in _NESTED or target in _ON_SIZES:
        return
    named = _OVERLOAD.match(target)
    if named is None:
        raise Pt2RefusedError(f"operator {quoted(target)} is not an operator of torch itself on tensors and sizes")
    texts = [one.name for one in _arguments(target, *named.groups()) if "str" in str(one.type) and one.name not in WORDS]
    if texts:
        raise Pt2RefusedError(f"operator {quoted(target)} takes a text, {quoted(texts[0])}, which may be the name of a file")


def _arguments(target: str, namespace: str, name: str, overload: str) -> Any:
    import torch

    operator = getattr(getattr(getattr(torch.ops, namespace), name, None), overload, None)
    if not isinstance(operator, torch._ops.OpOverload):
        raise Pt2RefusedError(f"operator {quoted(target)} does not exist in torch {torch.__version__}")
    return operator._schema.arguments
