"""The parser from YAML text to a document: one event at a time, so that refused constructs are never built."""

from __future__ import annotations

import bisect
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
from turnout.settings.document.document import LINE_BREAK, MAX_DEPTH, MAX_VALUES, TOO_DEEP, Document, DocumentPath, Mark
from turnout.settings.document.refusals import plain_words, refusal
from turnout.settings.document.scalars import Scalar, resolve_plain


def parse(text: str, source: str) -> Document:
    """Return the document of ``text``, the content of the file ``source``. A byte order mark is skipped.

    Raises:
        SettingsError: it is not YAML, or has anchors, aliases, merge keys, tags or several documents, which are refused.
    """
    builder = _Builder(text.removeprefix("\ufeff"), source)
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _ShallowScanner
    try:
        for event in yaml.parse(builder.text):
            builder.add(event)
    except MarkedYAMLError as error:
        raise builder.error(*plain_words(error)) from None
    except ReaderError as error:
        raise builder.error(error.position, f"character {error.character!r} is not allowed in YAML; remove it") from None
    except (ValueError, AssertionError, OverflowError, IndexError) as error:  # ruamel.yaml 0.19 lets these escape
        raise builder.error(builder.position, f"not YAML from here on: {error}") from None
    return builder.document()


class _ShallowScanner(Scanner):
    """A scanner that refuses deep brackets early: ruamel.yaml 0.19 reads 1,024 of them in 0.4 s before the first event."""

    def fetch_flow_collection_start(self, *arguments: Any, **keywords: Any) -> None:
        if len(self.flow_context) >= MAX_DEPTH:
            raise ScannerError(problem=TOO_DEEP, problem_mark=self.reader.get_mark())
        super().fetch_flow_collection_start(*arguments, **keywords)


class _Builder:
    """The document under construction. It keeps a list of open collections, so deep nesting needs no recursion."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.position = 0
        self._source = source
        self._line_starts = [0, *(match.end() for match in LINE_BREAK.finditer(text))]
        self._open: list[_Collection] = []
        self._root: Any = None
        self._documents = self._values = 0
        self._keys: dict[DocumentPath, Mark] = {}
        self._marks: dict[DocumentPath, Mark] = {}
        self._ends: dict[DocumentPath, int] = {}
        self._problems: list[tuple[Mark, str]] = []

    def add(self, event: Event) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        self.position = start
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
                self._open_collection(_Collection({}), start, end)
            case SequenceStartEvent():
                self._open_collection(_Collection([]), start, end)
            case MappingEndEvent() | SequenceEndEvent():
                closed = self._open.pop()
                if not closed.discarded:
                    self._ends[closed.path] = end
            case ScalarEvent():
                self._add_scalar(event, start, end)

    def _add_scalar(self, event: ScalarEvent, start: int, end: int) -> None:
        plain = event.style is None
        value = resolve_plain(event.value) if plain else event.value
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            raise self.error(start, "this text contains half a character (a surrogate escape); write the character itself")
        if plain and event.value == "<<":
            raise self.error(start, "merge keys ('<<') are not allowed in settings; write the keys out")
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.expects_key:
            self._add_key(parent, value, self._mark(start, end))
        elif parent is not None and value is None and start == end:
            # The empty scalar of a key without a value starts at the next token, perhaps lines below: use the place of the key.
            self._add_value(value, parent.key_mark or self._mark(start, end))
        else:
            self._add_value(value, self._mark(start, end))

    def _add_key(self, parent: _Collection, key: Scalar, mark: Mark) -> None:
        parent.key, parent.key_mark, parent.skip = key, mark, True
        path = (*parent.path, key if isinstance(key, str) else str(key))
        if not isinstance(key, str):
            self._problems.append((mark, f"the key {self.text[mark.start : mark.end]!r} is not text; put it in quotes"))
        elif key in parent.value:
            first = self._keys[path]
            self._problems.append((mark, f"the key {key!r} is already at {self._source}:{first.line}:{first.column}; keep one"))
        else:
            # A refused key keeps skip, so that its value is parsed, and its problems are found, but is not kept.
            parent.skip = parent.discarded
            if not parent.discarded:
                self._keys[path] = mark

    def _open_collection(self, collection: _Collection, start: int, end: int) -> None:
        if len(self._open) == MAX_DEPTH:
            raise self.error(start, TOO_DEEP)
        if self._open and self._open[-1].expects_key:
            raise self.error(start, "a key must be text; this is a list or a mapping")
        mark = self._mark(start, end)
        collection.path, collection.discarded = self._add_value(collection.value, mark)
        self._open.append(collection)

    def _add_value(self, value: Any, mark: Mark) -> tuple[DocumentPath, bool]:
        """Add ``value`` to the open collection; return its path, and whether the value is discarded."""
        if not self._open:
            self._root, self._marks[()] = value, mark
            return (), False
        parent = self._open[-1]
        path, discarded = parent.add(value)
        if not discarded:
            self._marks[path] = mark
        return path, discarded

    def error(self, index: int, message: str) -> SettingsError:
        document = self.document()
        return SettingsError([document.problem(self._mark(index, index), message)])

    def document(self) -> Document:
        return Document(self._source, self.text, self._root, self._keys, self._marks, tuple(self._problems), self._ends)

    def _mark(self, start: int, end: int) -> Mark:
        line = bisect.bisect_right(self._line_starts, start)
        return Mark(start, end, line, start - self._line_starts[line - 1] + 1)


class _Collection:
    """An open mapping or list; ``discarded`` if it is below a refused key."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.path: DocumentPath = ()
        self.discarded = False
        self.skip = False
        self.key: Scalar = None
        self.key_mark: Mark | None = None

    @property
    def expects_key(self) -> bool:
        return isinstance(self.value, dict) and self.key_mark is None

    def add(self, value: Any) -> tuple[DocumentPath, bool]:
        if isinstance(self.value, list):
            self.value.append(value)
            return (*self.path, len(self.value) - 1), self.discarded
        path = (*self.path, str(self.key))
        self.key_mark = None
        if not self.skip:
            self.value[self.key] = value
        return path, self.skip
