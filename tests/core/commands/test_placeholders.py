"""Placeholders that a user has to replace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from turnout.commands.placeholders import find_placeholders
from turnout.settings import load_settings


@pytest.fixture
def found(tmp_path: Path, plugins_with: Any) -> Any:
    """Return a function that returns the placeholders among the options of one model."""
    from pydantic import Field

    from turnout import Backend, Options
    from turnout.testing import PlusOne

    class TextOptions(Options):
        revision: str = ""
        path: str = ""
        prompt: str = ""
        generate: dict[str, str] = Field(default_factory=dict)

    def find(line: str) -> list[tuple[str, str]]:
        plugins = plugins_with()
        plugins._inventory._manager.get_plugin("lists").BACKENDS.append(Backend("b", lambda *_: PlusOne(), TextOptions))
        (tmp_path / "turnout.yaml").write_text(f"backend: b\nmodels:\n  m:\n    backends:\n      b:\n        {line}\n")
        loaded = load_settings(tmp_path / "turnout.yaml", registry=plugins, environment={})
        return [(Path(place).name, text) for place, text in find_placeholders(loaded)]

    return find


@pytest.mark.parametrize("value", ["0" * 40, "<revision>", "<the commit that you read>"])
def test_a_placeholder_is_found_with_its_line_and_what_to_write(found: Any, value: str) -> None:
    [(place, text)] = found(f'revision: "{value}"')

    assert place == "turnout.yaml:6"
    assert text.startswith(
        f"models.m.backends.b.revision is the placeholder {value!r}; write the commit that you have read, 40 "
    )


def test_a_path_in_angle_brackets_is_one_too(found: Any) -> None:
    assert "write the path of your file" in found("path: <model.onnx>")[0][1]


@pytest.mark.parametrize(
    "line",
    [
        "revision: main",
        "path: models/<a>/b.onnx",
        'prompt: "<image>"',
        'generate: {model: "<s>"}',
        "revision: '1111111111111111111111111111111111111111'",
    ],
)
def test_a_value_that_only_looks_like_one_is_none(found: Any, line: str) -> None:
    assert found(line) == []
