"""YAML of values with any character."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from turnout.commands.init.yaml_text import comment, yaml_value
from turnout.settings.document.parse import parse

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
VALUES = st.recursive(
    st.integers() | st.booleans() | TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner)
)


@given(TEXTS, VALUES)
def test_any_value_under_any_key_comes_back(key: str, value: Any) -> None:
    assert parse(f"k: {yaml_value({key: value})}\n", "t").values == {"k": {key: value}}


@given(st.text(max_size=40))
def test_a_comment_stays_one_line_whatever_is_in_it(text: str) -> None:
    assert parse(f"a: 1\n# {comment(text)}\nb: 2\n", "t").values == {"a": 1, "b": 2}
    comment(text).encode()


def test_what_cannot_be_printed_is_escaped() -> None:
    assert comment("a\nb\x1b[31m\u2028\udce9é") == "a b\\x1b[31m \\udce9é"


def test_a_long_remark_is_cut() -> None:
    assert len(comment("x" * 1_000_000)) <= 400
