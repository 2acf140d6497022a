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


def test_edits_of_long_texts_with_equal_lines_are_merged_in_a_moment() -> None:
    lines = ["same\n"] * 40_000
    one, other = (["first\n", *lines[1:]], [*lines[:-1], "last\n"])

    assert merge_lines("".join(lines), "".join(one), "".join(other)) == "".join(["first\n", *lines[2:], "last\n"])


def test_very_many_changed_lines_count_as_one_edit() -> None:
    base = "".join(f"{number}\n" for number in range(3000))
    ours = "".join(f"{number % 3 and number}\n" for number in range(3000))

    assert merge_lines(base, ours, base) == ours
    assert merge_lines(base, ours, base.replace("\n1500\n", "\nx\n")) is None


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
