"""The core names no plugin: its messages about one come from the plugin's declarations.

Docstrings and comments may name plugins as examples. Only ``plugins/known.py`` names them in code: a plugin that is not
installed cannot declare what it brings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "core/src/turnout"
FILES = sorted(file for file in CORE.rglob("*.py") if file != CORE / "plugins/known.py")
NAMES = re.compile(r"triton|onnxruntime|(?<!re)vision|torch|^direct$|\bturnout-direct\b|\bdirect:", re.IGNORECASE)


def texts(source: str) -> Iterator[str]:
    """Yield the string literals of a module that are not docstrings."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CORE)))
def test_no_text_in_the_code_of_the_core_names_a_plugin(file: Path) -> None:
    assert [text for text in texts(file.read_text("utf-8")) if NAMES.search(text)] == []


@pytest.mark.parametrize(
    "planted", ['"direct"', 'f"pip install turnout-triton {1}"', '"backends:\\n  direct:"', '("torchscript",)']
)
def test_a_planted_name_is_found(planted: str) -> None:
    assert any(NAMES.search(text) for text in texts(f'"""Such as Triton\'s."""\nx = {planted}\n'))


def test_a_docstring_may_name_a_plugin() -> None:
    assert not list(texts('"""Such as Triton\'s."""\n'))
