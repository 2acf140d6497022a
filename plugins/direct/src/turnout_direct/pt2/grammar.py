"""Parsers of JSON by closed grammars: each returns its value, written again, or refuses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from turnout_direct.pt2.refusal import Pt2RefusedError, quoted

Parser = Callable[[Any], Any]

_LARGEST = 2**63
_LONGEST = 1_000
_SPECIAL_FLOATS = frozenset({"NaN", "Infinity", "-Infinity"})


def integer(value: Any) -> int:
    """Return an int64."""
    if type(value) is not int or not -_LARGEST <= value < _LARGEST:
        raise Pt2RefusedError(f"{quoted(value)} is no int64")
    return value


def boolean(value: Any) -> bool:
    """Return a bool."""
    if type(value) is not bool:
        raise Pt2RefusedError(f"{quoted(value)} is neither true nor false")
    return value


def real(value: Any) -> float | str:
    """Return a number; JSON has no infinities, which are words."""
    if type(value) is float or (type(value) is str and value in _SPECIAL_FLOATS):
        return value
    return integer(value)


def name(value: Any) -> str:
    """Return the name of a node: torch writes it into Python source without a check (2.13)."""
    if not isinstance(value, str) or not value.isidentifier() or len(value) > _LONGEST:
        raise Pt2RefusedError(f"{quoted(value)} is no name of a tensor or a node")
    return value


def path_name(value: Any) -> str:
    """Return the dotted name of a parameter or a submodule, or an empty one."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise Pt2RefusedError(f"{quoted(value)} is no name of a parameter")
    for part in value.split(".") if value else ():
        if not part.replace("-", "_").isidentifier() and not part.isdecimal():
            raise Pt2RefusedError(f"{quoted(value)} is no name of a parameter")
        if part.startswith("__") and part.endswith("__"):
            raise Pt2RefusedError(f"{quoted(value)} is a name that Python uses itself")
    return value


def word(value: Any) -> str:
    """Return a short text that can be printed."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > _LONGEST:
        raise Pt2RefusedError(f"{quoted(value)} is no text of one line")
    return value


def text(parser: Callable[[str], Any]) -> Parser:
    """Return a parser of a text that ``parser`` reads."""

    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            raise Pt2RefusedError(f"{quoted(value)} is no text")
        return parser(value)

    return parse


def one_of(*values: str) -> Parser:
    """Return a parser of these texts."""

    def parse(value: Any) -> Any:
        if value not in values:
            raise Pt2RefusedError(f"{quoted(value)} must be one of {', '.join(values)}")
        return value

    return parse


def nullable(parser: Parser) -> Parser:
    """Return a parser that accepts null too."""
    return lambda value: None if value is None else parser(value)


def empty(value: Any) -> Any:
    """Return an empty list or mapping."""
    if value not in ({}, []):
        raise Pt2RefusedError(f"{quoted(value)} must be empty: such objects are code")
    return value


def dropped(value: Any) -> dict[str, str]:
    """Return nothing instead of a remark that no computation needs."""
    return {}


def list_of(parser: Parser) -> Parser:
    """Return a parser of a list."""

    def parse(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Pt2RefusedError(f"{quoted(value)} is no list")
        return [parser(one) for one in value]

    return parse


def mapping_of(key: Parser, parser: Parser) -> Parser:
    """Return a parser of a mapping."""

    def parse(value: Any) -> dict[Any, Any]:
        return {key(one): parser(other) for one, other in _mapping(value).items()}

    return parse


def record(fields: Mapping[str, Parser]) -> Parser:
    """Return a parser of a mapping with known keys; torch reports what is missing."""

    def parse(value: Any) -> dict[str, Any]:
        return {key: _known(fields, key)(one) for key, one in _mapping(value).items()}

    return parse


def union(fields: Mapping[str, Parser]) -> Parser:
    """Return a parser of a mapping with one of the known keys."""
    parse_record = record(fields)

    def parse(value: Any) -> dict[str, Any]:
        if len(_mapping(value)) != 1:
            raise Pt2RefusedError(f"{quoted(value)} must have one key, of: {', '.join(fields)}")
        parsed: dict[str, Any] = parse_record(value)
        return parsed

    return parse


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Pt2RefusedError(f"{quoted(value)} is no mapping")
    return value


def _known(fields: Mapping[str, Parser], key: str) -> Parser:
    if key not in fields:
        raise Pt2RefusedError(f"{quoted(key)} is no part of a graph that is known to be harmless")
    return fields[key]
