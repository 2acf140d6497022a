"""Placeholders in turnout.yaml: values that ``turnout init`` or a page shows, and that the user has to replace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from turnout.settings import LoadedSettings

_NULL_COMMIT = "0" * 40
_ANGLES = re.compile(r"<[^<>]+>\Z")
# Other options, such as a token's text, may have a value in angle brackets.
_WHAT: Mapping[str, str] = {
    "revision": "the commit that you have read, 40 hexadecimal digits",
    "checkpoint": "the folder of your checkpoint, or its name on the hub",
    "path": "the path of your file",
    "url": "the address of your server",
    "repository": "the folder of your model repository",
    "factory": "the module and the function that make your model",
    "class": "the name of your model's class",
    "model": "the model's name on the server",
}


def find_placeholders(loaded: LoadedSettings) -> Iterator[tuple[str, str]]:
    """Yield the place of each placeholder, such as ``turnout.yaml:23``, and what to write there."""
    for model, backends in loaded.written_options.items():
        for backend, options in backends.items():
            for key, value in (options or {}).items():
                if _is_placeholder(key, value):
                    path = ("models", model, "backends", backend, key)
                    text = f"{'.'.join(path)} is the placeholder {value!r}; write {_WHAT.get(key, 'your value')}"
                    yield loaded.where(*path) or model, text


def _is_placeholder(key: str, value: Any) -> bool:
    return isinstance(value, str) and (value == _NULL_COMMIT or (key in _WHAT and _ANGLES.match(value) is not None))
