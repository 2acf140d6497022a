"""Environment variables in values: ``${NAME}``, ``${NAME:-default}``, and ``$$`` for a dollar."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from turnout.errors import suggestion
from turnout.settings.document.document import DocumentPath
from turnout.settings.registry import Registry

logger = logging.getLogger(__name__)

KNOWN_VARIABLES = ("TURNOUT_CONFIG", "TURNOUT_LOG")
"""The variables that Turnout itself reads; plugins declare theirs."""

MAX_VARIABLE_LENGTH = 1 << 16
MAX_SUBSTITUTED_LENGTH = 1 << 18
"""The most characters of one variable, and of everything that variables add to the settings."""

VARIABLE = r"\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^${}]*))?\}"
"""The pattern of a variable, behind its dollar sign."""

_DOLLAR = re.compile(rf"\$(?:(?P<dollar>\$)|{VARIABLE})?")


@dataclass(frozen=True, slots=True, repr=False)
class Substituted:
    """Values after substitution.

    Attributes:
        values: a copy of the values with variables substituted; the result is text and is not parsed again.
        secrets: each text from the environment by its path; no message may contain one.
        problems: variables that cannot be substituted; their values keep the text of the file.
        names: the variables that occur in the values.
    """

    values: Any
    secrets: Mapping[DocumentPath, str]
    problems: tuple[tuple[DocumentPath, str], ...]
    names: frozenset[str]


def substitute(values: Any, environment: Mapping[str, str]) -> Substituted:
    """Return ``values`` with variables of ``environment`` substituted; keys stay unchanged."""
    walk = _Walk(environment)
    substituted = walk.value(values, ())
    return Substituted(substituted, walk.secrets, tuple(walk.problems), frozenset(walk.names))


def log_unknown_variables(environment: Mapping[str, str], named: frozenset[str], registry: Registry | None = None) -> None:
    """Log a warning for each variable ``TURNOUT_*`` that neither Turnout, the settings nor a plugin reads."""
    known = {*KNOWN_VARIABLES, *named}
    unknown = sorted(name for name in environment if name.startswith("TURNOUT_") and name not in known)
    if unknown and registry is not None:
        known.update(registry.known_variables())
    for name in unknown:
        if name not in known:
            logger.warning("environment variable %s has no effect.%s", name, suggestion(name, sorted(known)))


class _Walk:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.secrets: dict[DocumentPath, str] = {}
        self.problems: list[tuple[DocumentPath, str]] = []
        self.names: set[str] = set()
        self._length = 0

    def value(self, value: Any, path: DocumentPath) -> Any:
        if isinstance(value, dict):
            return {key: self.value(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, (*path, position)) for position, inner in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) and "$" in value else value

    def _text(self, text: str, path: DocumentPath) -> str:
        parts: list[str] = []
        secrets: list[str] = []
        end = 0
        for match in _DOLLAR.finditer(text):
            part = self._part(match, path, secrets)
            if part is None:
                return text
            parts += [text[end : match.start()], part]
            end = match.end()
        if secrets:
            self.secrets[path] = "".join(secrets)
        return "".join((*parts, text[end:]))

    def _part(self, match: re.Match[str], path: DocumentPath, secrets: list[str]) -> str | None:
        """Return the text for ``match``, in ``secrets`` if it is a variable's; None, and add a problem, if there is none."""
        if match["dollar"]:
            return "$"
        name, default = match["name"], match["default"]
        if name is None:
            self.problems.append((path, "a '$' must be '${NAME}', '${NAME:-default}', or '$$' for the character itself"))
            return None
        self.names.add(name)
        value = self._environment.get(name)
        if default is not None and not value:
            return default
        if value is None:
            advice = f"set it, or write '${{{name}:-default}}'"
            self.problems.append((path, f"the environment variable {name!r} is not set; {advice}"))
            return None
        self._length += len(value)
        if problem := _too_long(name, value, self._length):
            self.problems.append((path, problem))
            return None
        secrets.append(value)
        return value


def _too_long(name: str, value: str, total: int) -> str:
    """Return the problem if ``value``, or all values together, are longer than those of settings; else an empty text."""
    if len(value) > MAX_VARIABLE_LENGTH:
        limit = f"a value in settings has at most {MAX_VARIABLE_LENGTH}"
        return f"the environment variable {name!r} has {len(value)} characters; {limit}: set a shorter one"
    if total > MAX_SUBSTITUTED_LENGTH:
        limit = f"variables may add {MAX_SUBSTITUTED_LENGTH} characters to settings"
        return f"the environment variable {name!r} makes the settings too long; {limit}: use it fewer times"
    return ""
