from __future__ import annotations

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import Problem, SettingsError
from turnout.settings.document.parse import MAX_VALUES, parse


def values(text: str) -> object:
    return parse(text, "turnout.yaml").values


def test_scalars_keep_their_meaning_and_quotes_make_text() -> None:
    assert values("a: no\nb: '1'\nc: 1\nd: [2026-11-24, ~, true]\ne: |\n  x\n  y\n") == {
        "a": "no",
        "b": "1",
        "c": 1,
        "d": ["2026-11-24", None, True],
        "e": "x\ny\n",
    }


def test_every_key_and_value_has_its_place() -> None:
    document = parse("models:\n  m: {path: x,\n    n: [1, 22]}\n", "turnout.yaml")

    assert (document.keys["models", "m", "n"].line, document.keys["models", "m", "n"].column) == (3, 5)
    mark = document.marks["models", "m", "n", 1]
    assert document.text[mark.start : mark.end] == "22"


def test_a_key_without_a_value_is_placed_at_the_key() -> None:
    document = parse("a:\n\n\nb: 1\n", "turnout.yaml")

    assert document.marks["a",].line == 1


def test_the_value_of_a_repeated_key_is_discarded() -> None:
    document = parse("a: {x: 1}\na: {y: {z: 2}, y: 3}\n5: {q: [1]}\nb: 2\n", "turnout.yaml")

    assert document.values == {"a": {"x": 1}, "b": 2}
    assert set(document.keys) == {("a",), ("a", "x"), ("b",)}
    assert [mark.line for mark, _ in document.problems] == [2, 3]


def test_an_explicit_yaml_1_2_document_is_fine() -> None:
    assert values("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


def test_a_scalar_alone_is_a_document() -> None:
    assert values("~\n") is None
    assert values("# nothing but a comment\n") is None


def test_nesting_by_indentation_is_limited_too() -> None:
    with pytest.raises(SettingsError, match=r"turnout\.yaml:1:49: nested more than 24 levels deep"):
        values("- " * 30 + "x")


def test_too_many_values_are_refused() -> None:
    with pytest.raises(SettingsError, match="more than 10000 values"):
        values("[" + "1," * (MAX_VALUES + 1) + "]")


def test_a_tag_directive_is_refused() -> None:
    with pytest.raises(SettingsError, match="%TAG is not allowed"):
        values("%TAG !e! tag:example.org,2000:\n---\na: 1\n")


def test_an_error_without_plain_words_keeps_those_of_the_parser() -> None:
    with pytest.raises(SettingsError, match=r"turnout\.yaml:1:5: not YAML: "):
        values("a: |x\n")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(string.printable + "é東\u0301", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters + " :#-'\"é", max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(
    st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=5), PLAIN, max_size=4), st.sampled_from([None, 1, 4])
)
def test_json_is_yaml(content: dict[str, object], indent: int | None) -> None:
    written = json.dumps(content, indent=indent, ensure_ascii=indent is None)

    document = parse(written, "turnout.yaml")

    assert document.values == content


@settings(max_examples=300)
@given(st.text("ab:-?[]{},#&*!|>'\"%@`~ \n\r\t\\x0\ufeff\u2028\x85é", max_size=40))
def test_any_text_is_parsed_or_refused_with_a_place(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    document = None
    try:
        document = parse(text, "turnout.yaml")
    except SettingsError as error:
        problems = error.problems

    assert (document is None) == bool(problems)
    assert all(problem.where.startswith("turnout.yaml:") and problem.excerpt.endswith("^") for problem in problems)
    for mark in document.marks.values() if document else ():
        assert 0 <= mark.start <= mark.end <= len(text)
