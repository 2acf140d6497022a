"""The values of turnout.yaml that no text shows: those of variables, credentials, and what a plugin declares as secret.

A text shows the variable instead, as the file does. Three kinds of values are in too many texts to be hidden: short words and
numbers; words that the file itself contains, such as the name of a backend; and the host and port of a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from turnout.hidden_values import HIDDEN, hide_values, is_common
from turnout.settings.document.document import Document, DocumentPath, value_at
from turnout.settings.environment import VARIABLE

_VARIABLE = re.compile(rf"(?<!\$)(?:\$\$)*\${VARIABLE}")
_WORD = re.compile(r"[\w.:/@+-]+")
_ADDRESS_KEY = re.compile(r"(?:.*_)?(?:urls?|hosts?|ports?|address(?:es)?|endpoints?)", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]{0,20}://)?(?:(?P<user>.*)@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{1,5})?(?P<rest>[/?#].*)?",
    re.DOTALL,
)
_CREDENTIAL_KEY = re.compile(r"headers|authorization|(?:access_|auth_)?token|password|passwd|secret|api_?key", re.IGNORECASE)


def hide_variables(document: Document, values: Any, environment: Mapping[str, str]) -> None:
    """Hide what ``document`` has from variables, and credentials; ``values`` are those of the document with variables."""
    hide_values(_hidden_texts(document, values, environment))


def hide_secrets(options: Any) -> None:
    """Hide each value that ``options`` declare as secret, such as those of headers, wherever it comes from."""
    hide_values((secret, HIDDEN) for secret in _secret_values(options))


def _hidden_texts(document: Document, values: Any, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    words: frozenset[str] | None = None
    for path, written in scalars_of(document.values, ()):
        whole = value_at(values, path) if "$" in written else written
        if not isinstance(whole, str):
            continue
        if _VARIABLE.search(written) is None:
            yield from ((text, HIDDEN) for text in _credentials(path, whole))
        elif whole != written:
            words = words if words is not None else _words_of(document)
            found = _secrets(path, written, whole, environment)
            yield from ((text, instead) for text, instead in found if text not in words)


def scalars_of(value: Any, path: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:
    """Yield each text in ``value``, which is at ``path``, with its place."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from scalars_of(inner, (*path, part))


def is_credential_key(path: DocumentPath) -> bool:
    """Return whether a key of ``path`` is one for credentials. The first three keys are those of a model and a backend."""
    return any(_CREDENTIAL_KEY.fullmatch(part) for part in path[3:] if isinstance(part, str))


def names_user(path: DocumentPath, text: str) -> bool:
    """Return whether ``text`` is the address of a server, at ``path``, with a user or a password in it."""
    return "@" in text and (address := _address(path, text)) is not None and any(_users(address))


def _credentials(path: DocumentPath, text: str) -> Iterator[str]:
    """Yield the credentials in a value that has no variable."""
    if is_credential_key(path):
        yield text
    elif "@" in text and (address := _address(path, text)) is not None:
        yield from _users(address)


def _secrets(path: DocumentPath, written: str, whole: str, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each text of the value ``whole`` that is hidden, with what is shown instead."""
    address = _address(path, whole)
    if address is not None:
        yield from ((part, HIDDEN) for part in (*_users(address), (address["rest"] or "").strip("/?#")))
        return
    for variable in _VARIABLE.finditer(written):
        value = environment.get(variable["name"])
        if value and value.strip():
            yield value, f"${{{variable['name']}}}"
    if not is_common(written):
        yield whole, written


def _address(path: DocumentPath, text: str) -> re.Match[str] | None:
    """Return the address of a server that ``text`` is, if the key of ``path`` is one for addresses."""
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    return _ADDRESS.fullmatch(text.strip()) if _ADDRESS_KEY.fullmatch(key) else None


def _users(address: re.Match[str]) -> tuple[str, str]:
    user = address["user"] or ""
    return user, user.partition(":")[2]


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


def _secret_values(options: Any) -> Iterator[str]:
    if isinstance(options, SecretStr):
        yield options.get_secret_value()
    elif isinstance(options, BaseModel):
        for name in type(options).model_fields:
            yield from _secret_values(getattr(options, name))
    elif isinstance(options, Mapping | list | tuple):
        for inner in options.values() if isinstance(options, Mapping) else options:
            yield from _secret_values(inner)
