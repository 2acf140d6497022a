"""Finding tensors in what a module returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelDeclaration
from turnout.errors import ExportError

Returns = Mapping[str, str | int]
WHOLE = ""


def part_of(result: Any, key: str | int) -> Any:
    """Return the part that ``key`` stands for: an element by index, an entry or attribute by name, or all of it for ``""``."""
    if key == WHOLE:
        return result
    if isinstance(key, int):
        return (tuple(result.values()) if isinstance(result, Mapping) else result)[key]
    return result[key] if isinstance(result, Mapping) else getattr(result, key)


def check_returns(model: str, label: str, returns: Returns, result: Any) -> None:
    """Return if every part that ``returns`` asks for is a tensor in ``result``.

    Raises:
        ExportError: a part is missing, or no tensor.
    """
    for name, key in returns.items():
        try:
            part = part_of(result, key)
        except (LookupError, AttributeError, TypeError) as error:
            raise ExportError(
                f"model {model!r} ({label}): output {name!r} is to be part {key!r} of the result, "
                f"which is {_describe(result)}; correct 'returns' in turnout.yaml"
            ) from error
        if not isinstance(part, torch.Tensor):
            raise ExportError(
                f"model {model!r} ({label}): output {name!r} is {_describe(part)}, not a tensor; "
                "say which part of it in turnout.yaml, such as 'returns: {logits: -1}'"
            )


def own_returns(model: ModelDeclaration, result: Any) -> Returns:
    """Return output names for a result that nobody named: its own keys, else the declared outputs in order, else ``output``."""
    if isinstance(result, Mapping):
        return {name: name for name, part in result.items() if isinstance(part, torch.Tensor)}
    declared = [spec.name for spec in model.outputs]
    if isinstance(result, torch.Tensor):
        return {declared[0] if len(declared) == 1 else "output": WHOLE}
    if isinstance(result, tuple | list):
        named = declared if len(declared) == len(result) else [f"output_{index}" for index in range(len(result))]
        return {name: index for index, name in enumerate(named)}
    return {"output": WHOLE}


def _describe(result: Any) -> str:
    if isinstance(result, Mapping):
        return f"a {type(result).__name__} of {list(result)}"
    if isinstance(result, tuple | list):
        return f"a {type(result).__name__} of {len(result)}"
    return f"a {type(result).__name__}"
