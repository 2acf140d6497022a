"""YAML constructs that settings refuse, and the parser's errors in plain words."""

from __future__ import annotations

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, DocumentStartEvent, Event, NodeEvent

from turnout.settings.document.document import TOO_DEEP

_UNCLOSED = (
    ("found unexpected end of stream", "this quote is not closed"),
    ("but got '<stream end>'", "this bracket is not closed"),
)
_WORDS = (
    (TOO_DEEP, TOO_DEEP),
    ("'\\t' that cannot start", "a tab cannot indent YAML; use spaces"),
    ("that cannot start any token", "text cannot start with this character; put the text in quotes"),
    ("mapping values are not allowed", "a ':' is not expected here; put the text in quotes, or start a new line"),
    (
        "expected ',' or",
        "a ',' or a closing bracket is expected here; put a value with brackets in quotes, such as \"${NAME}\"",
    ),
    ("expected <block end>", "the indentation does not match the lines above"),
    ("could not find expected ':'", "a ':' is missing in the line before"),
    (
        "unknown escape character",
        "unknown escape in a text in double quotes; write '\\\\' for a backslash, or use single quotes",
    ),
    ("expected '<document start>'", "nothing may follow here; the value before is complete"),
)


def refusal(event: Event) -> str:
    """Return the reason why settings must not contain ``event``; empty if they may."""
    if isinstance(event, DocumentStartEvent):
        return _directive_refusal(event)
    if isinstance(event, AliasEvent):
        return f"aliases ('*{event.anchor}') are not allowed in settings; write the value out"
    if isinstance(event, NodeEvent) and event.anchor:
        return f"anchors ('&{event.anchor}') are not allowed in settings; remove it"
    tag = getattr(event, "tag", None)
    if tag is not None:
        return f"tags ('{tag}') are not allowed in settings; remove it"
    return ""


def plain_words(error: MarkedYAMLError) -> tuple[int, str]:
    """Return the place of ``error`` and a message without the terms of YAML's grammar."""
    place = error.problem_mark or error.context_mark
    problem = str(error.problem or error.context or "not YAML")
    for part, words in _UNCLOSED:
        if part in problem and error.context_mark is not None:
            return error.context_mark.index, words
    words = next((words for part, words in _WORDS if part in problem), f"not YAML: {problem}")
    return (0 if place is None else place.index), words


def _directive_refusal(event: DocumentStartEvent) -> str:
    if event.tags:
        return "the directive %TAG is not allowed in settings; remove it"
    if event.version not in (None, (1, 2)):
        return "settings are YAML 1.2; remove the directive %YAML"
    return ""
