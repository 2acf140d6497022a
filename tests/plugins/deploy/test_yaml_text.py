"""YAML is written so that every reader gets the same values back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from turnout_deploy.yaml_text import yaml_documents, yaml_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


def read(text: str, version: tuple[int, int]) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = version
    return yaml.load(text)


@pytest.mark.parametrize("version", [(1, 1), (1, 2)])
@given(value=VALUES)
def test_any_value_is_read_back(value: Any, version: tuple[int, int]) -> None:
    assert read(yaml_text(value), version) == value


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "a:",
        "12:30:45",
        "a:b: c",
        "../x",
        "..",
        ".5",
        "10s",
        "1Gi",
        "x:1",
        "Off",
        "1e3",
        "0o7",
        "012",
        "1:30",
        "2026-11-29",
        "~",
        "- x",
        "a: b",
        "a #b",
        "a\nb\n",
        " a\nb",
        "a\n\n b",
        "\t",
        "é\x85",
        "&a",
    ],
)
def test_a_text_that_looks_like_something_else_stays_a_text(text: str) -> None:
    assert read(yaml_text({"key": [text, {text: text}]}), (1, 1)) == {"key": [text, {text: text}]}


def test_the_style_is_that_of_a_person() -> None:
    assert yaml_text({"kind": "Service", "ports": [{"port": 80}], "text": "a\nb\n", "none": {}}) == (
        "kind: Service\nports:\n  - port: 80\ntext: |\n  a\n  b\nnone: {}\n"
    )
    assert yaml_documents([{"a": 1}, {"b": 2}]) == "a: 1\n---\nb: 2\n"
