"""The version policy of a model: which of its versions a server with Triton's layout serves.

It is read from the text of config.pbtxt, where a server reads it too. The rest of that file is the business of the plugin that
writes it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from turnout.files.limits import MODEL_CONFIG
from turnout.files.regular import read_regular

logger = logging.getLogger(__name__)

CONFIG = "config.pbtxt"

# A text without an end is read once, to the end of the file, and not again from each of its quotes.
_TOKEN = re.compile(r"""\s*(?:#[^\n]*|(?P<token>"(?:\\.|[^"\\])*+"?|'(?:\\.|[^'\\])*+'?|[\w.+-]+|[^\s\w]))""")
_OPEN, _CLOSE = "{<", "}>"


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """The versions to serve.

    Attributes:
        latest: how many of the greatest; None for all of them.
        specific: these, whatever ``latest`` says; empty if the policy names none.
    """

    latest: int | None = 1
    specific: frozenset[int] = frozenset()

    def select(self, versions: Sequence[int]) -> list[int]:
        """Return those of ``versions``, ascending, that are served."""
        if self.specific:
            return [version for version in versions if version in self.specific]
        return list(versions) if self.latest is None else list(versions[-self.latest :])


def read_version_policy(model_folder: Path) -> VersionPolicy:
    """Return the policy in the config.pbtxt of ``model_folder``; Triton's default, the greatest version, without one."""
    try:
        # Latin-1 reads any bytes: a comment in another encoding does not change a policy.
        text = read_regular(model_folder / CONFIG, MODEL_CONFIG).decode("latin-1")
    except FileNotFoundError:
        return VersionPolicy()
    except OSError as error:
        logger.warning("%s cannot be read, so its version policy is not applied: %s", model_folder / CONFIG, error.strerror)
        return VersionPolicy()
    tokens = [match["token"] for match in _TOKEN.finditer(text) if match["token"]]
    with suppress(ValueError, IndexError):
        for name, body in _fields(tokens):
            if name == "version_policy":
                return _policy(body)
    return VersionPolicy()


def _fields(tokens: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each field of a message with the tokens of its value; those of a message are without their brackets."""
    position = 0
    while position < len(tokens):
        name = tokens[position]
        position += 1
        if name in ",;":
            continue
        if tokens[position] == ":":
            position += 1
        end = _end_of_value(tokens, position)
        bracketed = tokens[position] in f"{_OPEN}["
        yield name, tokens[position + 1 : end - 1] if bracketed else tokens[position:end]
        position = end


def _end_of_value(tokens: list[str], position: int) -> int:
    depth = 0
    while True:
        token = tokens[position]
        depth += (token in f"{_OPEN}[") - (token in f"{_CLOSE}]")
        position += 1
        if not depth:
            return position


def _policy(body: list[str]) -> VersionPolicy:
    for name, inner in _fields(body):
        if name == "all":
            return VersionPolicy(None)
        if name == "latest":
            numbers = [int(value[0]) for key, value in _fields(inner) if key == "num_versions"]
            return VersionPolicy(max(numbers[-1:], default=1) or 1)
        if name == "specific":
            named = [int(text) for key, value in _fields(inner) if key == "versions" for text in value if text.isdecimal()]
            return VersionPolicy(specific=frozenset(named))
    return VersionPolicy()
