"""Sizes and tensors in a ``.pt2`` file, by the schema of torch 2.13."""

from __future__ import annotations

from typing import Any

from turnout_direct.pt2.expressions import read_expression
from turnout_direct.pt2.grammar import (
    boolean,
    integer,
    list_of,
    mapping_of,
    name,
    nullable,
    one_of,
    path_name,
    real,
    record,
    text,
    union,
)
from turnout_direct.pt2.refusal import Pt2RefusedError


def read_payloads(value: Any) -> dict[str, Any]:
    """Return the description of the weights or constants: the record and the layout of each tensor, by its name.

    Raises:
        Pt2RefusedError: one is no plain tensor.
    """
    parsed: dict[str, Any] = _PAYLOADS(value)
    config: dict[str, Any] = parsed.get("config", {})
    return config


def _no_pickle(value: Any) -> bool:
    if value is not False:
        raise Pt2RefusedError("a tensor is marked as pickled ('use_pickle'), which is code")
    return False


_EXPRESSION = record(
    {
        "expr_str": text(read_expression),
        "hint": nullable(union({"as_int": integer, "as_bool": boolean, "as_float": real})),
    }
)
SYM_INT = union({"as_expr": _EXPRESSION, "as_int": integer})
SYM_FLOAT = union({"as_expr": _EXPRESSION, "as_float": real})
SYM_BOOL = union({"as_expr": _EXPRESSION, "as_bool": boolean})
DEVICE = record({"type": one_of("cpu", "cuda", "mps", "xpu", "meta"), "index": nullable(integer)})
TENSOR_META = record(
    {
        "dtype": integer,
        "sizes": list_of(SYM_INT),
        "requires_grad": boolean,
        "device": DEVICE,
        "strides": list_of(SYM_INT),
        "storage_offset": SYM_INT,
        "layout": integer,
    }
)
_PAYLOADS = record(
    {
        "config": mapping_of(
            path_name,
            record({"path_name": name, "is_param": boolean, "use_pickle": _no_pickle, "tensor_meta": TENSOR_META}),
        )
    }
)
