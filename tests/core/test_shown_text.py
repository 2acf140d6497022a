"""Foreign texts as a terminal and a log show them."""

from __future__ import annotations

import json
import traceback
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import InferenceError
from turnout.hidden_values import hide_value
from turnout.shown_text import json_text, shown, traceback_text

CONTROLS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def test_no_control_character_of_unicode_is_shown() -> None:
    for control in CONTROLS:
        assert control not in shown(f"a{control}b")


@given(st.text(st.characters(), max_size=3_000))
def test_any_text_becomes_one_short_line_without_controls(text: str) -> None:
    line = shown(text)

    assert len(line) <= 500
    assert len(line.splitlines()) <= 1
    assert not {character for character in line if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert shown(line) == line


@pytest.mark.parametrize(
    "text", ["é", "日本語　名前", "emoji 😀 ❤\ufe0f", "Ελληνικά العربية עברית", "ä\u0308", "plain 'text' \\n"]
)
def test_texts_of_other_scripts_stay_readable(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\r\nb\n  c\td", "a b c d"),
        ("good\rbad", "good\\rbad"),
        ("a\u2028b\u2029c\x85d\x0be", "a\\u2028b\\u2029c\\x85d\\x0be"),
        ("gnp\u202eexe", "gnp\\u202eexe"),
        ("a\u200bb\u3164c\u2800d", "a\\u200bb\\u3164c\\u2800d"),
        ("\ud800\udcff", "\\ud800\\udcff"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("e" + "\u0301" * 6, "e" + "\\u0301" * 6),
        ("x\ufe0f\ufe0e", "x\\ufe0f\\ufe0e"),
        ("a\u00a0b", "a\\xa0b"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_escaped(text: str, line: str) -> None:
    assert shown(text) == line


def test_a_long_text_keeps_its_ends_and_counts_what_is_left_out() -> None:
    line = shown("a" * 1_000_000 + "z", 100)

    assert line.startswith("aaa")
    assert line.endswith("z")
    begin, _, end = line.partition(" ... (")
    count = int(end.split()[0].replace(",", ""))
    assert len(begin) + count + len(end.rpartition(" ... ")[2]) == 1_000_001


def test_json_is_exact_and_has_no_control_character() -> None:
    value = {"a\x1b\x7f\u202e": ["日本", "\ud800", "\u2028\x9b"]}

    text = json_text(value)

    assert json.loads(text) == value
    assert text.isascii()
    assert text.isprintable()


def test_a_traceback_keeps_its_lines_and_shows_those_of_nobody_else() -> None:
    try:
        try:
            raise ValueError("bad\nERROR:root:forged\x1b[2J")
        except ValueError as error:
            raise KeyError("outer") from error
    except KeyError as error:
        error.add_note("a note\nof two lines")
        lines = traceback_text(error).split("\n")

    assert "ValueError: bad ERROR:root:forged\\x1b[2J" in lines
    assert "The above exception was the direct cause of the following exception:" in lines
    assert lines[-2:] == ["KeyError: 'outer'", "  a note of two lines"]


def test_a_traceback_ends_where_causes_form_a_ring_and_an_exception_has_no_text() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    one, two = MuteError(), ValueError("two")
    one.__cause__, two.__cause__ = two, one

    assert len(traceback_text(one).splitlines()) < 100


def test_a_cause_that_python_would_print_is_shown_safely() -> None:
    hide_value("hunter2-and-more", "${PASSWORD}")
    try:
        try:
            try:
                raise OSError("at hunter2-and-more")
            except OSError:
                raise ValueError("bad \x1b[2J") from None
        except ValueError as error:
            raise InferenceError("failed") from error
    except InferenceError as error:
        error.locate("m", "b")
        printed = "".join(traceback.format_exception(error))

    assert "ValueError: bad \\x1b[2J\n" in printed
    assert "in test_a_cause_that_python_would_print" in printed
    assert "hunter2" not in printed


@pytest.mark.parametrize("text", ["size mismatch:\n\tweight", "全角\u3000スペース"])
def test_an_ordinary_cause_is_kept(text: str) -> None:
    cause, error = RuntimeError(text), InferenceError("failed")
    error.__cause__ = cause

    error.locate("m", "b")

    assert error.__cause__ is cause
