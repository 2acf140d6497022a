"""Every problem of a document, in the order of the file, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from turnout.errors import Problem, SettingsError, suggestion
from turnout.settings.document.document import Document, DocumentPath, Mark, child_of, path_text
from turnout.settings.problems.complaints import describe_value, plain_complaint
from turnout.settings.problems.known_keys import known_keys
from turnout.settings.problems.leaks import leaks
from turnout.settings.schema.base import PROBLEM

MAX_PROBLEMS = 100
"""More are counted, not shown."""


Message = str | Callable[[], str]
"""What is wrong; a function where finding the words takes time, since only the first problems are shown."""

_NOTHING = object()


class Report:
    """Collects the problems of ``document``. No message shows one of ``secrets``: values stand in it as the file has them."""

    def __init__(self, document: Document, secrets: Mapping[DocumentPath, str]) -> None:
        self._document = document
        self._secrets = secrets
        self._noted: set[DocumentPath] = set()
        self._touched: set[DocumentPath] = set()
        self._found: list[tuple[Mark, str, Message]] = [(mark, "", message) for mark, message in document.problems]

    def at_key(self, path: DocumentPath, message: Message) -> None:
        """Note a problem whose caret stands under the key of ``path``."""
        self._note(self._document.mark_of_key(path), path, message)

    def at_value(self, path: DocumentPath, message: Message) -> None:
        """Note a problem whose caret stands under the value of ``path``."""
        self._note(self._document.mark_of_value(path), path, message)

    def foreign(self, path: DocumentPath, message: str) -> None:
        """Note a problem at the value of ``path`` whose text somebody else wrote: it may repeat a value."""
        self.at_value(path, self._harmless(message, path))

    def invalid(self, error: ValidationError, root: DocumentPath, model: type[BaseModel]) -> None:
        """Note everything in ``error``, which ``model`` raised for the value at ``root``.

        Where a problem was noted before, as for a variable that is not set, what follows from it is left out.
        """
        grouped: dict[DocumentPath, list[ErrorDetails]] = {}
        errors = error.errors(include_url=False)
        for details in [one for one in errors if one["type"] != "none_required"] or errors:
            path = self._path_of(root, details)
            grouped.setdefault(path, []).append(details)
        for path, several in grouped.items():
            if path not in self._noted:
                self._invalid_at(path, several, root, model)

    def broken(self, path: DocumentPath) -> bool:
        """Tell whether a problem was noted at ``path`` or below it."""
        return path in self._touched

    def stop(self) -> None:
        """Return if there was no problem.

        Raises:
            SettingsError: all problems, in the order of the file.
        """
        if not self._found:
            return
        found = sorted(self._found, key=lambda noted: noted[0].start)
        problems = [self._document.problem(mark, _worded(place, message)) for mark, place, message in found[:MAX_PROBLEMS]]
        if len(found) > MAX_PROBLEMS:
            problems.append(Problem("", f"{len(found) - MAX_PROBLEMS} more problems are not shown; mend these first"))
        raise SettingsError(problems)

    def _note(self, mark: Mark, path: DocumentPath, message: Message) -> None:
        self._noted.add(path)
        self._touched.update(path[:end] for end in range(len(path) + 1))
        self._found.append((mark, path_text(path), message))

    def _path_of(self, root: DocumentPath, details: ErrorDetails) -> DocumentPath:
        """Return the path in the document; pydantic's has names of union members in it too."""
        path, value = root, self._document.value_at(root)
        for part in details["loc"]:
            child = child_of(value, part, _NOTHING)
            if child is not _NOTHING:
                path, value = (*path, part), child
        if details["type"] == "missing":
            path = (*path, details["loc"][-1])
        return path

    def _invalid_at(self, path: DocumentPath, several: list[ErrorDetails], root: DocumentPath, model: type[BaseModel]) -> None:
        kind = several[0]["type"]
        if kind == "extra_forbidden":
            self._note(self._document.mark_of_key(path), path, lambda: _unknown_key(path, root, model))
        elif kind == "missing":
            self._note(self._document.mark_of_key(path[:-1]), path, lambda: f"this key is missing; add '{path[-1]}: ...'")
        elif any(details["loc"][-1:] == ("[key]",) for details in several):
            self._note(self._document.mark_of_key(path), path, lambda: self._sentence(several, root))
        else:
            self._note(self._document.mark_of_value(path), path, lambda: self._refused(path, several, root))

    def _refused(self, path: DocumentPath, several: list[ErrorDetails], root: DocumentPath) -> str:
        value = self._document.value_at(path)
        sentence = self._sentence(several, root)
        if not _wants_value(several[0], value):
            return sentence
        got = describe_value(value)
        return f"{sentence}, got {got}{_near(several, got)}"

    def _sentence(self, several: Iterable[ErrorDetails], root: DocumentPath) -> str:
        """Return the complaints as one: pydantic has one for each member of a union."""
        complaints = dict.fromkeys(self._complaint(details, root) for details in several)
        return (" or " if all(text.startswith("must be") for text in complaints) else "; ").join(complaints)

    def _complaint(self, details: ErrorDetails, root: DocumentPath) -> str:
        context = details.get("ctx", {})
        if details["type"] == PROBLEM:
            return str(context["text"])
        plain = plain_complaint(details["type"], context)
        own_words = details["type"] in ("value_error", "assertion_error")
        return plain or self._harmless(str(context["error"]) if own_words else details["msg"], root)

    def _harmless(self, message: str, root: DocumentPath) -> str:
        """Return ``message``, unless it shows a secret: its author has seen the values at ``root`` and below."""
        if leaks(message, (secret for path, secret in self._secrets.items() if path[: len(root)] == root)):
            return "this value is refused; the reason repeats a value from the environment, so it is not shown"
        return " ".join(message.split())


def _worded(place: str, message: Message) -> str:
    text = message if isinstance(message, str) else message()
    return f"{place}: {text}" if place else text


def _wants_value(details: ErrorDetails, value: object) -> bool:
    """Tell whether the complaint is only half a sentence, without what stands there instead."""
    if details["type"] == PROBLEM:
        return value is not None and not isinstance(value, dict | list)
    return bool(plain_complaint(details["type"], details.get("ctx", {})))


def _unknown_key(path: DocumentPath, root: DocumentPath, model: type[BaseModel]) -> str:
    known = known_keys(model, path[len(root) : -1])
    near = suggestion(str(path[-1]), known)
    return f"unknown key.{near}" if near or not known else f"unknown key; known: {', '.join(known)}"


def _near(several: list[ErrorDetails], got: str) -> str:
    """Return "Did you mean" for a choice out of several words."""
    choices = [
        details.get("ctx", {}).get("expected", "") for details in several if details["type"] in ("literal_error", "enum")
    ]
    words = [word.strip("'") for text in choices for word in text.replace(" or ", ", ").split(", ")]
    near = suggestion(got.strip("'"), words)
    return f".{near}" if near else ""
