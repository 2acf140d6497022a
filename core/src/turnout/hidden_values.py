"""Values that no text shows: those of variables in turnout.yaml, of headers, and the credentials in URLs."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from turnout.forking import Forks

Listener = Callable[[Sequence[tuple[str, str]]], None]
HIDDEN = "***"
"""The text that is shown instead of a value that has no name."""

# Shorter values, plain numbers and these words are in too many texts to be secrets: "1", "cpu", "8001".
_LEAST = 4
_COMMON = frozenset({"true", "false", "none", "null", "auto", "cuda", "localhost"})
_NUMBER = re.compile(r"[+-]?[0-9]{1,7}(?:\.[0-9]{1,7})?")
# A shorter value, or one of letters, is hidden as a word of its own only: "path" says nothing in "paths".
_SHORT = 8

# Each repetition ends at a character that it excludes, or is bounded: a text of 1 MB must not cost its square.
_USER = re.compile(r"://[^\s/?#]{0,500}@")
# A password with a slash that should have been written %2F; after the colon is no port.
_LOOSE_USER = re.compile(r"://[^\s/?#@:\[\]]{0,100}:(?![0-9]{1,5}(?:[/?#\s'\",;)]|$))\S{0,300}@")
_BARE_USER = re.compile(r"(?<![^\s'\"=(,])[^\s/@'\"]{1,300}@(?=(?:\[[0-9A-Fa-f:.]{2,45}\]|[\w.-]{1,253}):[0-9])")
_PART = re.compile(r"\$\{[^}]*\}|[^:$]+|\$(?!\{)")
_QUERY = re.compile(r"(://[^\s?#'\"]{1,2000})\?[^\s'\"]{1,4000}")
_TOKEN = re.compile(
    r"(?i)(\bauthorization['\"]?\s{0,3}[:=]\s{0,3}['\"]?(?:[a-z]{1,20}\s{1,3})?|\bbearer\s{1,3})(?=\S{0,400}[0-9])[^\s'\",;]{4,4000}"
)


class _Hidden:
    """The hidden values of this process, each with the pattern of a short one and with what is shown instead.

    Added under ``_lock``, after ``listener`` got them; read without it, because the tuple is replaced whole.
    """

    def __init__(self) -> None:
        self.values: tuple[tuple[str, re.Pattern[str] | None, str], ...] = ()
        self.listener: Listener | None = None
        self._lock = threading.Lock()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def add(self, values: Iterable[tuple[str, str]]) -> None:
        added = list(values)
        with self._lock:
            if self.listener and added:
                self.listener(added)
            known = {entry[0]: entry for entry in self.values}
            for value, instead in added:
                for form in _forms(value):
                    known[form] = (form, _word(form) if len(form) < _SHORT or form.isalpha() else None, instead)
            # The longest first: a value may be a part of another one.
            self.values = tuple(sorted(known.values(), key=lambda entry: -len(entry[0])))


_hidden = _Hidden()


def hide_value(value: str, instead: str = HIDDEN) -> None:
    """Show ``instead`` wherever a text of this process contains ``value``, from now on; not if it is too short or common."""
    hide_values([(value, instead)])


def hide_values(values: Iterable[tuple[str, str]]) -> None:
    """Do as ``hide_value`` for each value with what is shown instead; many at once cost one sort."""
    _hidden.add(values)


def report_hidden_values(listener: Listener) -> None:
    """Call ``listener`` with the values that are hidden from now on; for a process that prints for this one."""
    _hidden.listener = listener


def is_common(value: str) -> bool:
    """Return whether ``value`` is shown, because it is in too many texts."""
    return len(value) < _LEAST or value.casefold() in _COMMON or _NUMBER.fullmatch(value) is not None


def hide(text: str) -> str:
    """Return ``text`` without hidden values, and without the user, the password and the query of each URL."""
    for value, word, instead in _hidden.values:
        if value in text:
            text = text.replace(value, instead) if word is None else word.sub(instead.replace("\\", r"\\"), text)
    if "@" in text:
        for pattern in (_USER, _LOOSE_USER, _BARE_USER):
            text = pattern.sub(_hide_user, text)
    if "://" in text and "?" in text:
        text = _QUERY.sub(rf"\1?{HIDDEN}", text)
    return _TOKEN.sub(rf"\1{HIDDEN}", text) if _may_have_token(text) else text


def hides(text: str) -> bool:
    """Return whether ``hide`` may change ``text``."""
    if "@" in text or "?" in text or _may_have_token(text):
        return True
    # A loop, because a generator costs more than all of this.
    for entry in _hidden.values:  # noqa: SIM110
        if entry[0] in text:
            return True
    return False


def forget_values() -> None:
    """Hide no value any more; for tests, which share a process."""
    _hidden.values = ()


def _hide_user(match: re.Match[str]) -> str:
    """Return ``://***@``; a variable in the user stays, which the file shows too."""
    scheme, _, user = match[0].rpartition("://")
    user = user[:-1]
    hidden = _PART.sub(lambda part: part[0] if part[0][:1] == "$" else HIDDEN, user) if "${" in user else HIDDEN
    return f"{scheme}://{hidden}@" if "://" in match[0] else f"{hidden}@"


def _may_have_token(text: str) -> bool:
    return "earer" in text or "uthorization" in text


def _word(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9_]){re.escape(value)}(?![A-Za-z0-9_])")


def _forms(value: str) -> Iterator[str]:
    """Yield the ways in which messages write ``value``: as it is, in quotes, in a URL, in one line; its lines and words."""
    import json  # a command without such values does not wait for these modules
    from urllib.parse import quote, unquote

    words = value.split()
    written = (value, repr(value)[1:-1], json.dumps(value)[1:-1], quote(value), quote(value, safe=""), unquote(value))
    for form in dict.fromkeys((*written, " ".join(words))):
        if not is_common(form):
            yield form
    if len(words) > 1:
        # Of "Bearer <token>" the token; not the words of a sentence.
        yield from (word for word in words if len(word) >= _SHORT and not (word.isalpha() or is_common(word)))
