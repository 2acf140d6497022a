"""The values of turnout.yaml that no text shows: those of variables, and those that a plugin declares as secret.

A text shows the variable instead, as the file does. Three kinds of values are in too many texts to be hidden: short words and
numbers; words that the file itself contains, such as the name of a backend; and the host and port of a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from turnout.hidden_values import HIDDEN, hide_value, is_common
from turnout.settings.document.document import Document, DocumentPath, child_of

_VARIABLE = re.compile(r"(?<!\$)(?:\$\$)*\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^${}]*))?\}")
_WORD = re.compile(r"[\w.:/@+-]+")
_ADDRESS_KEY = re.compile(r"(?:.*_)?(?:urls?|hosts?|ports?|address(?:es)?|endpoints?)", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]{0,20}://)?(?:(?P<user>.*)@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{1,5})?(?P<rest>[/?#].*)?",
    re.DOTALL,
)


def hide_variables(document: Document, values: Any, paths: Iterable[DocumentPath], environment: Mapping[str, str]) -> None:
    """Hide the values of the variables at ``paths`` of ``document``; ``values`` are those of the document with variables."""
    words = _words_of(document)
    for path in paths:
        written, whole = str(document.value_at(path)), _value_at(values, path)
        if not isinstance(whole, str) or whole == written:
            continue
        for text, instead in _secrets(path, written, whole, environment):
            if text not in words:
                hide_value(text, instead)


def hide_secrets(options: Any) -> None:
    """Hide each value that ``options`` declare as secret, such as those of headers, wherever it comes from."""
    for secret in _secret_values(options):
        hide_value(secret)


def _secrets(path: DocumentPath, written: str, whole: str, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each text of the value ``whole`` that is hidden, with what is shown instead."""
    key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    address = _ADDRESS.fullmatch(whole.strip()) if _ADDRESS_KEY.fullmatch(key) else None
    if address is not None:
        user, rest = address["user"] or "", address["rest"] or ""
        yield from ((part, HIDDEN) for part in (user, user.partition(":")[2], rest.strip("/?#")))
        return
    for variable in _VARIABLE.finditer(written):
        value = environment.get(variable["name"])
        if value and value.strip():
            yield value, f"${{{variable['name']}}}"
    if not is_common(written):
        yield whole, written


def _words_of(document: Document) -> frozenset[str]:
    """Return the words of the file, which its reader knows, and the variables in it are no secrets if they are among them."""
    text = document.text or " ".join(_texts(document.values))
    words = frozenset(_WORD.findall(_VARIABLE.sub(lambda variable: f" {variable['default'] or ''} ", text)))
    return words | {word.rstrip(":") for word in words}


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, dict):
        yield from values
        yield from (text for inner in values.values() for text in _texts(inner))
    elif isinstance(values, list):
        yield from (text for inner in values for text in _texts(inner))


def _value_at(values: Any, path: DocumentPath) -> Any:
    for part in path:
        values = child_of(values, part, None)
    return values


def _secret_values(options: Any) -> Iterator[str]:
    if isinstance(options, SecretStr):
        yield options.get_secret_value()
    elif isinstance(options, BaseModel):
        for name in type(options).model_fields:
            yield from _secret_values(getattr(options, name))
    elif isinstance(options, Mapping | list | tuple):
        for inner in options.values() if isinstance(options, Mapping) else options:
            yield from _secret_values(inner)
