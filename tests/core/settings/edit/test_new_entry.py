"""A new model or pipeline in the text of a settings file."""

from __future__ import annotations

import pytest

from turnout.errors import ConfigurationError
from turnout.settings.document.parse import parse
from turnout.settings.edit.new_entry import add_entry

MODEL = {"backend": "a", "inputs": {"x": "FP32[3,-1]"}, "backends": {"a": {"path": "b c", "many": [1, True, None, "no"]}}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "models:\n",
        "models:   # none yet\n",
        "models: {}\n",
        "models: {m: {backend: a}}   # in brackets\n",
        "models:\n  m:\n    backend: a",
        "models:\n  m:\n    backend: a   # last\n\n\n# the end\nbackend: a\n",
        "models:\r\n  m:\r\n    backend: a\r\npipelines:\r\n  p:\r\n    - one\r\n",
        "models:\n    m:\n        backend: a\n    # after m\npipelines:\n  p:\n  - one: {model: m}\n  - two\n",
        "models:\n  m:\n    backends:\n      a:\n        text: |\n          first\n\n          last\npipelines: {p: [one]}\n",
        "models:\n  m:\n    backends: {a: {path: x,\n      more: y}}\n",
    ],
)
def test_the_entry_is_added_and_every_line_before_it_stays(text: str) -> None:
    document = parse(text, "turnout.yaml")
    before = document.values or {}

    after = add_entry(document, "models", "new", MODEL)
    both = add_entry(after, "pipelines", "q", ["load", {"ask": {"model": "new"}}])

    assert both.values == {
        **before,
        "models": {**(before.get("models") or {}), "new": MODEL},
        "pipelines": {**(before.get("pipelines") or {}), "q": ["load", {"ask": {"model": "new"}}]},
    }
    lines = iter(both.text.splitlines())
    assert [
        line for line in text.splitlines() if not line.startswith(("models: {", "pipelines: {")) and line not in lines
    ] == []
    assert ("\r\n" in text) == ("\r\n" in both.text)


def test_a_name_that_is_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has 'm' under 'models' already"):
        add_entry(parse("models:\n  m: {}\n", "turnout.yaml"), "models", "m", MODEL)


def test_a_text_that_cannot_be_edited_says_what_to_add() -> None:
    with pytest.raises(ConfigurationError, match=r"add this below 'models' by hand: new: \{backend: a"):
        add_entry(parse("models: [1]\n", "turnout.yaml"), "models", "new", MODEL)
