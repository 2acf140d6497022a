"""Names for the tensors that a module returns.

Without ``returns``:

- a mapping or a named tuple keeps its names; if outputs are declared, only those. Lists in it become ``name__0``, ``name__1``;
  None, caches and other values that are not tensors are skipped.
- one tensor becomes the declared output, or ``output``.
- a tuple or list becomes the declared outputs by position, or ``output__0``, ``output__1``; nested ones ``output__1__0``.
  Declared names that end in ``__<position>`` choose by that position, as in Triton.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from turnout.errors import InferenceError
from turnout.tensors.positions import NUMBERED, output_positions

if TYPE_CHECKING:
    import torch

_FIX = "choose the outputs with 'returns: {name: index or key}'"


def name_outputs(result: Any, returns: Mapping[str, int | str], declared: Sequence[str], model: str) -> dict[str, torch.Tensor]:
    """Return the tensors of ``result``, a module's return value, by output name.

    Raises:
        InferenceError: ``result`` does not have the outputs that ``returns`` or ``declared`` name.
    """
    import torch

    if returns:
        return {name: _pick(result, key, name, model) for name, key in returns.items()}
    if isinstance(result, torch.Tensor):
        result = (result,)
        if not declared:
            return {"output": result[0]}
    named = _as_mapping(result)
    found = dict(_flatten("output", result) if named is None else _flatten_mapping(named))
    if not found:
        raise InferenceError(f"model {model!r} returned {_kind(result)}, which contains no tensor; correct the module")
    if not declared:
        return found
    return _match_positions(found, declared, model) if named is None else _match_names(found, declared, model)


def _match_positions(found: Mapping[str, Any], declared: Sequence[str], model: str) -> dict[str, Any]:
    values, places = list(found.values()), output_positions(declared)
    # By number, as in Triton, unless the numbers are something else: a layer, for example.
    if len(set(places.values())) == len(declared) and max(places.values()) < len(values) and _are_numbered(declared):
        return {name: values[place] for name, place in places.items()}
    if len(found) != len(declared):
        raise InferenceError(
            f"model {model!r} returned {len(found)} tensors for {len(declared)} declared outputs "
            f"({', '.join(declared)}); {_FIX}"
        )
    return dict(zip(declared, found.values(), strict=True))


def _are_numbered(names: Sequence[str]) -> bool:
    return all(NUMBERED.match(name) for name in names)


def _match_names(found: Mapping[str, Any], declared: Sequence[str], model: str) -> dict[str, Any]:
    missing = [name for name in declared if name not in found]
    if missing:
        raise InferenceError(f"model {model!r} returned no {missing[0]!r}, but: {', '.join(found)}; {_FIX}")
    return {name: found[name] for name in declared}


def _pick(result: Any, key: int | str, name: str, model: str) -> torch.Tensor:
    import torch

    try:
        part = _part(result, key)
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        raise InferenceError(
            f"model {model!r} returned {_kind(result)}, which has no {key!r} for output {name!r}; correct 'returns'"
        ) from error
    if not isinstance(part, torch.Tensor):
        raise InferenceError(f"model {model!r}: {key!r} for output {name!r} is {_kind(part)}, not a tensor; correct 'returns'")
    return part


def _part(result: Any, key: int | str) -> Any:
    mapping = _as_mapping(result)
    if isinstance(key, int):
        import torch

        parts = (result,) if isinstance(result, torch.Tensor) else result if mapping is None else tuple(mapping.values())
        return parts[key]
    return getattr(result, key) if mapping is None else mapping[key]


def _flatten_mapping(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        yield from _flatten(str(name), value)


def _flatten(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    import torch

    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, tuple | list):
        for index, part in enumerate(value):
            yield from _flatten(f"{name}__{index}", part)


def _as_mapping(result: Any) -> Mapping[str, Any] | None:
    if isinstance(result, Mapping):
        return result
    if isinstance(result, tuple) and hasattr(result, "_asdict"):
        fields: Mapping[str, Any] = result._asdict()
        return fields
    return None


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with {', '.join(map(str, value)) or 'nothing'}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
