"""The variables of a settings file, and the credentials that are written into it, by their places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr

from turnout.settings.document.document import Document, DocumentPath
from turnout.settings.environment import VARIABLE
from turnout.settings.hidden import is_credential_key, names_user, scalars_of

_VARIABLE = re.compile(rf"(?<!\$)(?:\$\$)*\${VARIABLE}")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment that a settings file names.

    Attributes:
        name: its name.
        paths: the places that it is in.
        default: what the file writes where it is not set; None if a place has no default, so that it must be set.
        secret: True if a place is one for credentials, such as a header.
        whole: True if the value at each place is the variable and nothing else.
    """

    name: str
    paths: tuple[DocumentPath, ...]
    default: str | None
    secret: bool
    whole: bool


def variables_of(document: Document, secrets: frozenset[DocumentPath]) -> tuple[Variable, ...]:
    """Return the variables of ``document`` by name; ``secrets`` are the places that plugins declare as secret."""
    found: dict[str, list[tuple[DocumentPath, str | None, bool]]] = {}
    for path, text in scalars_of(document.values, ()):
        for match in _VARIABLE.finditer(text):
            found.setdefault(match["name"], []).append((path, match["default"], match.group() == text))
    return tuple(_variable(name, places, secrets) for name, places in sorted(found.items()))


def credentials_of(document: Document, secrets: frozenset[DocumentPath]) -> tuple[DocumentPath, ...]:
    """Return the places of ``document`` that have a credential as it is, not from a variable."""
    return tuple(
        path
        for path, text in scalars_of(document.values, ())
        if _VARIABLE.search(text) is None and (names_user(path, text) or _is_secret(path, secrets))
    )


def secret_paths(options: Mapping[tuple[str, str], BaseModel]) -> frozenset[DocumentPath]:
    """Return the places of values that the options of models, by (model, backend), declare as secret."""
    return frozenset(
        path for (model, backend), one in options.items() for path in _secrets(one, ("models", model, "backends", backend))
    )


def _variable(name: str, places: list[tuple[DocumentPath, str | None, bool]], secrets: frozenset[DocumentPath]) -> Variable:
    paths = tuple(dict.fromkeys(path for path, _, _ in places))
    defaults = [default for _, default, _ in places]
    default = None if None in defaults else defaults[0]
    secret = any(_is_secret(path, secrets) for path in paths)
    return Variable(name, paths, default, secret, all(whole for _, _, whole in places))


def _is_secret(path: DocumentPath, secrets: frozenset[DocumentPath]) -> bool:
    return path in secrets or is_credential_key(path)


def _secrets(value: Any, path: DocumentPath) -> Iterator[DocumentPath]:
    if isinstance(value, SecretStr):
        yield path
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _secrets(inner, (*path, position))
