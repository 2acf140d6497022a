"""The keys of a pydantic model at a path."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from turnout.settings.document.document import DocumentPath


def known_keys(model: type[BaseModel], path: DocumentPath) -> list[str]:
    """Return the keys that a mapping at ``path`` below ``model`` may have; empty if it may have any."""
    nodes: list[Any] = [model]
    for part in path:
        nodes = [child for node in nodes for leaf in _leaves(node) for child in _children(leaf, part)]
    models = [leaf for node in nodes for leaf in _leaves(node) if _is_model(leaf)]
    return sorted({_key(name, field) for found in models for name, field in found.model_fields.items()})


def _leaves(node: Any) -> Iterator[Any]:
    """Yield the members of the union ``node``, or ``node`` itself, without annotations."""
    origin = get_origin(node)
    if origin is Annotated:
        yield from _leaves(get_args(node)[0])
    elif origin in (Union, UnionType):
        for member in get_args(node):
            yield from _leaves(member)
    else:
        yield node


def _children(node: Any, part: str | int) -> Iterator[Any]:
    if _is_model(node):
        for name, field in node.model_fields.items():
            if part in (name, _key(name, field)):
                yield field.annotation
        return
    arguments = [argument for argument in get_args(node) if argument is not ...]
    yield from arguments[-1:]


def _is_model(node: Any) -> bool:
    return isinstance(node, type) and issubclass(node, BaseModel)


def _key(name: str, field: FieldInfo) -> str:
    return field.alias or name
