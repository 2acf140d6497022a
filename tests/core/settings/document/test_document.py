from __future__ import annotations

from collections.abc import Callable

import pytest

from turnout.errors import SettingsError
from turnout.settings.document.document import Document, Mark, excerpt, path_text
from turnout.settings.document.parse import parse


@pytest.mark.parametrize(
    ("line", "blank"),
    [
        ('"key": x', "       "),
        ('"k\t": x', "  \t   "),
        ('"東京": x', "        "),
        ('"e\u0301": x', "     "),
        ('"é": x', "     "),
    ],
)
def test_the_caret_is_under_the_value_after_any_characters(line: str, blank: str) -> None:
    document = parse(f"{line}\n", "turnout.yaml")

    (mark,) = [mark for path, mark in document.marks.items() if path]
    shown, caret = excerpt(document.text, mark).splitlines()

    assert shown == f"    {line}"
    assert caret == f"    {blank}^"


def test_the_caret_is_under_the_value_after_characters_that_cannot_be_seen() -> None:
    document = parse('"a\u200b\u202eb": x\n', "turnout.yaml")

    (mark,) = [mark for path, mark in document.marks.items() if path]
    shown, caret = excerpt(document.text, mark).splitlines()

    assert shown == '    "a\\u200b\\u202eb": x'
    assert shown[caret.index("^")] == "x"


def test_the_password_of_a_url_is_not_in_the_excerpt_of_its_line() -> None:
    document = parse("{url: 'http://u:hunter2@host', x: 1}\n", "turnout.yaml")

    for mark in document.marks.values():
        assert "hunter2" not in excerpt(document.text, mark)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_are_counted_alike_for_every_line_ending(ending: str, refuse: Callable[..., SettingsError]) -> None:
    error = refuse(ending.join(["# one", "", "metrics: {}", "bakend: x", ""]))

    assert error.problems[0].where == "turnout.yaml:4:1"
    assert error.problems[0].excerpt == "    bakend: x\n    ^"


def test_a_byte_order_mark_moves_nothing(refuse: Callable[..., SettingsError]) -> None:
    error = refuse("\ufeffbakend: x\n")

    assert error.problems[0].where == "turnout.yaml:1:1"
    assert error.problems[0].excerpt == "    bakend: x\n    ^"


def test_only_the_part_around_the_mark_of_a_very_long_line_is_shown() -> None:
    text = f"{'a' * 5000}X{'b' * 5000}"

    shown, caret = excerpt(text, Mark(5000, 5001, 1, 5001)).splitlines()

    assert len(shown) < 200
    assert shown[caret.index("^")] == "X"


def test_a_mark_at_the_end_of_the_text_shows_a_caret() -> None:
    assert excerpt("ab", Mark(2, 2, 1, 3)) == "    ab\n      ^"


def test_paths_read_as_in_a_program() -> None:
    assert path_text(("pipelines", "describe", 1, "caption", "model")) == "pipelines.describe[1].caption.model"
    assert path_text(()) == ""


def test_an_unknown_path_has_the_place_of_its_nearest_parent() -> None:
    document = parse("a:\n  b: {c: 1}\n", "turnout.yaml")

    assert document.mark_of_key(("a", "b", "x", "y")).line == 2
    assert document.mark_of_value(("x",)).line == 1
    assert document.value_at(("a", "b", "x", "y")) is None


def test_a_problem_of_a_mapping_has_no_place() -> None:
    assert Document("", "", {}, {}, {}).problem(Mark(3, 3), "wrong").where == ""
    assert Document("", "", {}, {}, {}).mark_of_key(("a",)) == Mark(0, 0)
