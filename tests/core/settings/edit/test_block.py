from __future__ import annotations

import pytest

from turnout.settings.document.parse import parse
from turnout.settings.edit.block import merge_lines, model_lines

BASE = "a\nb\nc\nd\ne\n"


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        ("a\nB\nc\nd\ne\n", "a\nb\nc\nD\ne\n", "a\nB\nc\nD\ne\n"),
        ("a\nB\nc\nd\ne\n", "a\nb\nC\nd\ne\n", "a\nB\nC\nd\ne\n"),
        ("a\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n"),
        ("a\nnew\nb\nc\nd\ne\n", "a\nB\nc\nd\ne\n", "a\nnew\nB\nc\nd\ne\n"),
        ("a\nc\nd\ne\n", "a\nb\nc\nd\nlast\ne\n", "a\nc\nd\nlast\ne\n"),
        (BASE, "", ""),
        ("a\nB\nc\nd\ne\n", "a\nX\nc\nd\ne\n", None),
        ("a\none\nb\nc\nd\ne\n", "a\ntwo\nb\nc\nd\ne\n", None),
        ("a\nB\nc\nd\ne\n", "a\ne\n", None),
    ],
)
def test_two_edits_of_other_lines_are_merged_and_of_one_line_are_not(one: str, other: str, merged: str | None) -> None:
    assert merge_lines(BASE, one, other) == merged


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("models:\n  a: {}\n  m:  # c\n    backend: x\n  # of b\n  b: {}\n", "  m:  # c\n    backend: x\n  # of b\n"),
        ("models:\n  m: {backend: x}\n", "  m: {backend: x}\n"),
        ("models: {a: {}, m: {backend: x}, b: {}}\npipelines: {}\n", "models: {a: {}, m: {backend: x}, b: {}}\n"),
        ("models:\n  m:\n    backend: x\n\nmetrics: {}", "  m:\n    backend: x\n\n"),
    ],
)
def test_the_lines_of_a_model_end_where_the_next_key_begins(text: str, lines: str) -> None:
    start, end = model_lines(parse(text, "x"), "m")

    assert text[start:end] == lines
