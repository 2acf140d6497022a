"""Texts of messages: suggestions for a wrong name, foreign exceptions in one line, numbers of things."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from turnout.shown_text import LONGEST, escaped_lines, plain_text, shown


class _OwnLines(str):
    """A text with line breaks of our own, of which each line went through ``shown``."""

    __slots__ = ()


_SAFE = (_OwnLines, int, float, type(None))
_LONGEST_PLACE = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One error in a settings file, at ``where`` (``turnout.yaml:14:5``), with the line and a caret. Safe to print."""

    where: str
    message: str
    excerpt: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", shown(self.where, _LONGEST_PLACE))
        object.__setattr__(self, "message", shown(self.message, LONGEST - len(self.where) - len(": ")))
        # The excerpt is hidden and cut where it is made: the caret must stay below its character.
        object.__setattr__(self, "excerpt", escaped_lines(self.excerpt))

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n{self.excerpt}" if self.excerpt else text


def lines_of(problems: Iterable[Problem]) -> str:
    """Return ``problems`` as the text of one error, whose line breaks ``shown_argument`` keeps."""
    return _OwnLines("\n".join(map(str, problems)))


def shown_argument(argument: object) -> object:
    """Return an argument of an error: a number as it is, anything else as a text that is safe to print."""
    if type(argument) is str:
        return shown(argument)
    return argument if isinstance(argument, _SAFE) else shown(str(argument))


_LONGEST_ID, _LONGEST_SEARCHED = 120, 1_000
_MAX_FOREIGN = 300
_MAX_LISTED = 20
_MAX_COMPARED = 500


def listing(names: Iterable[str]) -> str:
    """Return ``names`` for a message, as ``a, b, c and 312 more``; ``none`` if there are none."""
    found = list(names)
    more = f" and {len(found) - _MAX_LISTED} more" if len(found) > _MAX_LISTED else ""
    return shown(", ".join(found[:_MAX_LISTED]) or "none", _MAX_FOREIGN) + more


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name nearest to ``name``, or an empty string."""
    near = nearest_name(name, known)
    return f" Did you mean {near!r}?" if near else ""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the known name nearest to ``name``; empty if none is near."""
    import difflib  # 1 % of the start-up time of a command, for a message that is rarely needed

    names = [one for one in known if len(one) <= 2 * len(name)] if len(name) <= _MAX_FOREIGN else []
    if len(names) > _MAX_COMPARED:  # a comparison takes 50 us
        names = [one for one in names if one[:1] == name[:1]][:_MAX_COMPARED]
    return next(iter(difflib.get_close_matches(name, names, n=1)), "")


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``number`` with ``noun`` in the singular or plural: ``1 model``, ``2 models``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def foreign_text(text: str, limit: int = _MAX_FOREIGN) -> str:
    """Return a text of a server or a library in one line, each run of white space as a space, cut to ``limit`` characters."""
    # Far more than is shown: it may be a whole response.
    words = (text if len(text) <= 40_000 else f"{text[:20_000]} {text[-20_000:]}").split()
    return shown(" ".join(words), limit)


_name_of = type.__dict__["__name__"].__get__


def type_name(value: object) -> str:
    """Return the name of the type of ``value``; a metaclass cannot raise in its place."""
    return str(_name_of(type(value)))


def text_of(error: BaseException) -> str:
    """Return the text of a foreign exception in one line, 300 characters of it at most; its kind if it has no text."""
    return foreign_text(plain_text(error)) or type_name(error)


def one_line(error: BaseException) -> str:
    """Return the kind and text of a foreign exception in one line."""
    return f"{type_name(error)}: {text_of(error) if plain_text(error).strip() else 'no text'}"


def text_of_request(text: str, id: str | None) -> str:
    """Return the text of an error with the id of its request in front, if it has one and the text does not name it."""
    name = f"request {shown(repr(id[:_LONGEST_SEARCHED]), _LONGEST_ID)}" if id else ""
    return text if name in text else shown(f"{name}: {text}")
