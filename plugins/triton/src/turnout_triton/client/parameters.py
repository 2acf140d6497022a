"""The parameters of a request that both protocols carry."""

from __future__ import annotations

import math
from collections.abc import Mapping

from turnout.errors import InvalidRequestError


def check_parameters(parameters: Mapping[str, object], model: str) -> None:
    """Raise InvalidRequestError unless both protocols carry ``parameters``.

    A value is a text, a finite number, an INT64 or a boolean; ``priority`` is a whole number from 0 on.
    """
    for name, value in parameters.items():
        if not isinstance(name, str) or not (_is_priority(value) if name == "priority" else _is_value(value)):
            raise InvalidRequestError(
                f"the parameter {name!r} of a request for model {model!r} is {value!r}; "
                "a parameter is text, a finite number, an INT64 or a boolean, and 'priority' a whole number from 0 on"
            )


def _is_priority(value: object) -> bool:
    # Triton reads the priority as UINT64, every other whole number as INT64.
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64


def _is_value(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)  # JSON has neither NaN nor infinity
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, str)
