"""The report of every problem of a document, in plain words and in the order of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from turnout.errors import Problem, SettingsError, count_of, foreign_text, shown, suggestion
from turnout.settings.document.document import Document, DocumentPath, Mark, child_of, path_text
from turnout.settings.problems.complaints import describe_value, plain_complaint
from turnout.settings.problems.known_keys import known_keys
from turnout.settings.problems.leaks import leaks
from turnout.settings.problems.tuple_lengths import TUPLE_LENGTH, join_missing_entries
from turnout.settings.schema.base import PROBLEM

MAX_PROBLEMS = 20
MAX_LENGTH = 8_000
"""Further problems, and those behind so many characters, are counted, not shown."""

MAX_PLACE_LENGTH = 300

Message = str | Callable[[], str]
"""A message; a function where the text takes time to build, because only the first problems are shown."""

_NOTHING = object()
_COUNTED = ("too_short", "too_long", TUPLE_LENGTH)


class Report:
    """The problems of ``document``. No message contains one of ``secrets``: it shows values as the file has them."""

    def __init__(self, document: Document, secrets: Mapping[DocumentPath, str]) -> None:
        self._document = document
        self._secrets = secrets
        self._paths: set[DocumentPath] = set()
        self._paths_and_parents: set[DocumentPath] = set()
        self._problems: list[tuple[Mark, str, Message]] = [(mark, "", message) for mark, message in document.problems]

    def add_at_key(self, path: DocumentPath, message: Message) -> None:
        """Add a problem whose caret is under the key of ``path``."""
        self._add(self._document.mark_of_key(path), path, message)

    def add_at_value(self, path: DocumentPath, message: Message) -> None:
        """Add a problem whose caret is under the value of ``path``."""
        self._add(self._document.mark_of_value(path), path, message)

    def add_foreign(self, path: DocumentPath, message: str) -> None:
        """Add a problem at the value of ``path`` whose text comes from a plugin: it may repeat a value."""
        self.add_at_value(path, lambda: self._hide_secrets(message, path))

    def add_validation_error(self, error: ValidationError, root: DocumentPath, model: type[BaseModel]) -> None:
        """Add every part of ``error``, which ``model`` raised for the value at ``root``.

        A path that has a problem already, such as a variable that is not set, gets no second one, which would follow from it.
        """
        grouped: dict[DocumentPath, list[ErrorDetails]] = {}
        errors = join_missing_entries(error.errors(include_url=False))
        # Of "X or None" pydantic adds none_required to every error of X; "or must be empty" would help no user.
        for details in [one for one in errors if one["type"] != "none_required"] or errors:
            path = self._path_of(root, details)
            grouped.setdefault(path, []).append(details)
        for path, several in grouped.items():
            if path not in self._paths:
                self._add_group(path, several, root, model)

    def is_secret(self, path: DocumentPath) -> bool:
        """Return whether the value of ``path`` has a part from the environment, which no message may show."""
        return path in self._secrets

    def has_problem(self, path: DocumentPath) -> bool:
        """Return whether there is a problem at ``path`` or below it."""
        return path in self._paths_and_parents

    def raise_problems(self) -> None:
        """Raise SettingsError with all problems, in the order of the file, if there are any."""
        if not self._problems:
            return
        found = sorted(self._problems, key=lambda problem: problem[0].start)
        problems: list[Problem] = []
        length = 0
        for mark, place, message in found[:MAX_PROBLEMS]:
            problems.append(self._document.problem(mark, _prefix_place(place, message)))
            length += len(str(problems[-1]))
            if length > MAX_LENGTH:
                break
        if len(found) > len(problems):
            problems.append(Problem("", f"and {count_of(len(found) - len(problems), 'more problem')}; fix these first"))
        raise SettingsError(problems)

    def _add(self, mark: Mark, path: DocumentPath, message: Message) -> None:
        self._paths.add(path)
        self._paths_and_parents.update(path[:end] for end in range(len(path) + 1))
        self._problems.append((mark, path_text(path), message))

    def _path_of(self, root: DocumentPath, details: ErrorDetails) -> DocumentPath:
        """Return the path in the document; pydantic's path also contains names of union members."""
        path, value = root, self._document.value_at(root)
        for part in details["loc"]:
            child = child_of(value, part, _NOTHING)
            if child is not _NOTHING:
                path, value = (*path, part), child
        if details["type"] == "missing":
            path = (*path, details["loc"][-1])
        return path

    def _add_group(self, path: DocumentPath, several: list[ErrorDetails], root: DocumentPath, model: type[BaseModel]) -> None:
        kind = several[0]["type"]
        if kind == "extra_forbidden":
            self._add(self._document.mark_of_key(path), path, lambda: _unknown_key(path, root, model))
        elif kind == "missing":
            self._add(self._document.mark_of_key(path[:-1]), path, lambda: f"this key is missing; add '{path[-1]}: ...'")
        elif any(details["loc"][-1:] == ("[key]",) for details in several):
            self._add(self._document.mark_of_key(path), path, lambda: self._sentence(several, root))
        else:
            self._add(self._document.mark_of_value(path), path, lambda: self._describe(path, several, root))

    def _describe(self, path: DocumentPath, several: list[ErrorDetails], root: DocumentPath) -> str:
        value = self._document.value_at(path)
        sentence = self._sentence(several, root)
        if not _needs_value(several[0], value):
            return sentence
        counts = bool(value) and isinstance(value, list | dict) and all(details["type"] in _COUNTED for details in several)
        got = str(len(value)) if counts else describe_value(value)
        return f"{sentence}, got {got}{_near(several, got)}"

    def _sentence(self, several: Iterable[ErrorDetails], root: DocumentPath) -> str:
        """Return the errors of one path as one sentence: pydantic has an error for each member of a union."""
        complaints = dict.fromkeys(self._complaint(details, root) for details in several)
        return (" or " if all(text.startswith("must ") for text in complaints) else "; ").join(complaints)

    def _complaint(self, details: ErrorDetails, root: DocumentPath) -> str:
        context = details.get("ctx", {})
        if details["type"] == PROBLEM:
            return str(context["text"])
        plain = plain_complaint(details["type"], context)
        own_words = details["type"] in ("value_error", "assertion_error")
        return plain or self._hide_secrets(str(context["error"]) if own_words else details["msg"], root)

    def _hide_secrets(self, message: str, root: DocumentPath) -> str:
        """Return ``message``, or a replacement if it contains a secret: its author had the values at ``root`` and below."""
        text = foreign_text(message)
        if leaks(text, (secret for path, secret in self._secrets.items() if path[: len(root)] == root)):
            return "this value is refused; the reason repeats a value from the environment, so it is not shown"
        return text


def _prefix_place(place: str, message: Message) -> str:
    text = message if isinstance(message, str) else message()
    return f"{shown(place, MAX_PLACE_LENGTH)}: {text}" if place else text


def _needs_value(details: ErrorDetails, value: object) -> bool:
    """Return whether the message needs the value: it says what is expected, but not what is there."""
    if details["type"] == PROBLEM:
        return value is not None and not isinstance(value, dict | list)
    return bool(plain_complaint(details["type"], details.get("ctx", {})))


def _unknown_key(path: DocumentPath, root: DocumentPath, model: type[BaseModel]) -> str:
    known = known_keys(model, path[len(root) : -1])
    near = suggestion(str(path[-1]), known)
    return f"unknown key.{near}" if near or not known else f"unknown key; known: {', '.join(known)}"


def _near(several: list[ErrorDetails], got: str) -> str:
    """Return "Did you mean ..." for a choice between several words; empty if none is near."""
    choices = [
        details.get("ctx", {}).get("expected", "") for details in several if details["type"] in ("literal_error", "enum")
    ]
    words = [word.strip("'") for text in choices for word in text.replace(" or ", ", ").split(", ")]
    near = suggestion(got.strip("'"), words)
    return f".{near}" if near else ""
