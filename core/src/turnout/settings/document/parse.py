"""YAML text to a document: one event at a time, so that nothing is composed that we refuse."""

from __future__ import annotations

import bisect
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scanner import Scanner, ScannerError

from turnout.errors import SettingsError
from turnout.settings.document.document import MAX_DEPTH, TOO_DEEP, Document, DocumentPath, Mark
from turnout.settings.document.refusals import plain_words, refusal
from turnout.settings.document.scalars import Scalar, resolve_plain

MAX_VALUES = 20_000
_LINE_BREAK = re.compile(r"\r\n|\n|\r")


def parse(text: str, source: str) -> Document:
    """Return what ``text``, the content of the file ``source``, says. A byte order mark is skipped.

    Raises:
        SettingsError: it is not YAML, or uses what settings must not: anchors, aliases, merge keys, tags, several documents.
    """
    builder = _Builder(text.removeprefix("\ufeff"), source)
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _ShallowScanner
    try:
        for event in yaml.parse(builder.text):
            builder.take(event)
    except MarkedYAMLError as error:
        raise builder.error(*plain_words(error)) from None
    except ReaderError as error:
        raise builder.error(error.position, f"character {error.character!r} is not allowed in YAML; remove it") from None
    except (ValueError, AssertionError, OverflowError, IndexError) as error:  # ruamel.yaml 0.19 lets these escape
        raise builder.error(builder.reached, f"not YAML from here on: {error}") from None
    return builder.document()


class _ShallowScanner(Scanner):
    """Stops at deep brackets at once: ruamel.yaml 0.19 reads 1,024 of them ahead, in 0.4 s, before the first event."""

    def fetch_flow_collection_start(self, *arguments: Any, **keywords: Any) -> None:
        if len(self.flow_context) >= MAX_DEPTH:
            raise ScannerError(problem=TOO_DEEP, problem_mark=self.reader.get_mark())
        super().fetch_flow_collection_start(*arguments, **keywords)


class _Builder:
    """Builds values from events; keeps one open collection per level, so deep nesting costs no stack."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.reached = 0
        self._source = source
        self._line_starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]
        self._open: list[_Collection] = []
        self._root: Any = None
        self._documents = self._values = 0
        self._keys: dict[DocumentPath, Mark] = {}
        self._marks: dict[DocumentPath, Mark] = {}
        self._problems: list[tuple[Mark, str]] = []

    def take(self, event: Event) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        self.reached = start
        reason = refusal(event)
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                reason = "a second document starts here; keep one, without another '---'"
        if isinstance(event, NodeEvent):
            self._values += 1
            if self._values > MAX_VALUES:
                reason = f"more than {MAX_VALUES} values; settings are never this long"
        if reason:
            raise self.error(start, reason)
        self._build(event, start, end)

    def _build(self, event: Event, start: int, end: int) -> None:
        match event:
            case MappingStartEvent():
                self._enter(_Collection({}), start, end)
            case SequenceStartEvent():
                self._enter(_Collection([]), start, end)
            case MappingEndEvent() | SequenceEndEvent():
                self._open.pop()
            case ScalarEvent():
                self._scalar(event, start, end)

    def _scalar(self, event: ScalarEvent, start: int, end: int) -> None:
        plain = event.style is None
        value = resolve_plain(event.value) if plain else event.value
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            raise self.error(start, "this text holds half a character (a surrogate escape); write the character itself")
        if plain and event.value == "<<":
            raise self.error(start, "merge keys ('<<') are not allowed in settings; write the keys out")
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.wants_key:
            self._key(parent, value, self._mark(start, end))
        elif parent is not None and value is None and start == end:
            self._put(value, parent.key_mark or self._mark(start, end))
        else:
            self._put(value, self._mark(start, end))

    def _key(self, parent: _Collection, key: Scalar, mark: Mark) -> None:
        parent.key, parent.key_mark, parent.skip = key, mark, True
        path = (*parent.path, key if isinstance(key, str) else str(key))
        if not isinstance(key, str):
            self._problems.append((mark, f"the key {self.text[mark.start : mark.end]!r} is not text; put it in quotes"))
        elif key in parent.value:
            first = self._keys[path]
            self._problems.append(
                (mark, f"the key {key!r} stands at {self._source}:{first.line}:{first.column} already; keep one")
            )
        else:
            parent.skip = parent.lost
            if not parent.lost:
                self._keys[path] = mark

    def _enter(self, collection: _Collection, start: int, end: int) -> None:
        if len(self._open) == MAX_DEPTH:
            raise self.error(start, TOO_DEEP)
        if self._open and self._open[-1].wants_key:
            raise self.error(start, "a key must be text; this is a list or a mapping")
        mark = self._mark(start, end)
        collection.path, collection.lost = self._put(collection.value, mark)
        self._open.append(collection)

    def _put(self, value: Any, mark: Mark) -> tuple[DocumentPath, bool]:
        """Put ``value`` where the open collection wants one; return its path, and whether it is left out."""
        if not self._open:
            self._root, self._marks[()] = value, mark
            return (), False
        parent = self._open[-1]
        path, lost = parent.put(value)
        if not lost:
            self._marks[path] = mark
        return path, lost

    def error(self, index: int, message: str) -> SettingsError:
        document = self.document()
        return SettingsError([document.problem(self._mark(index, index), message)])

    def document(self) -> Document:
        return Document(self._source, self.text, self._root, self._keys, self._marks, tuple(self._problems))

    def _mark(self, start: int, end: int) -> Mark:
        line = bisect.bisect_right(self._line_starts, start)
        return Mark(start, end, line, start - self._line_starts[line - 1] + 1)


class _Collection:
    """An open mapping or list; ``lost`` if it stands where nothing is kept, under a refused key."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.path: DocumentPath = ()
        self.lost = False
        self.skip = False
        self.key: Scalar = None
        self.key_mark: Mark | None = None

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key_mark is None

    def put(self, value: Any) -> tuple[DocumentPath, bool]:
        if isinstance(self.value, list):
            self.value.append(value)
            return (*self.path, len(self.value) - 1), self.lost
        path = (*self.path, str(self.key))
        self.key_mark = None
        if not self.skip:
            self.value[self.key] = value
        return path, self.skip
