"""The sources speak the trade's English: standard verbs, no dialect, comments where the code is subtle."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md")) + sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("plugins/*/README.md"))
PAGES += [ROOT / "core/README.md", *sorted((ROOT / "changelog").glob("*.md"))]
SOURCES = sorted((ROOT / "core/src").rglob("*.py")) + sorted((ROOT / "plugins").glob("*/src/**/*.py"))

BEGINNINGS = re.compile(r"(What|Return if|Take that|Tell|Have|Whether)\b")
DIALECT = re.compile(
    r"\b(stands|told|tells|whoever|anew|hinders|left alone|begun|taken|misfit|books|mend|lies? in|the one that shall|of then|"
    r"under way|nobody|somebody|for ever|hears of)\b",
    re.IGNORECASE,
)
# Rooms where the order of two lines matters, or a lock is missing on purpose.
SUBTLE = [
    *(ROOT / "core/src/turnout" / room for room in ("serving", "rollout", "resilience", "files")),
    ROOT / "plugins/triton/src/turnout_triton/client",
]


def docstrings(text: str) -> Iterator[str]:
    """Yield the docstrings of modules, classes and functions."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            found := ast.get_docstring(node)
        ):
            yield found


def wrong_beginnings(text: str) -> list[str]:
    return [found.splitlines()[0] for found in docstrings(text) if BEGINNINGS.match(found)]


def comments_in(text: str) -> int:
    return sum(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(text).readline))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_docstrings_begin_with_a_verb_or_a_noun_and_no_word_is_dialect(file: Path) -> None:
    text = file.read_text("utf-8")

    assert wrong_beginnings(text) == []
    assert DIALECT.findall(text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_word_of_a_page_is_dialect(page: Path) -> None:
    assert DIALECT.findall(page.read_text("utf-8")) == []


@pytest.mark.parametrize("room", SUBTLE, ids=lambda room: room.name)
def test_subtle_rooms_have_three_comments_in_a_hundred_lines(room: Path) -> None:
    texts = [file.read_text("utf-8") for file in room.rglob("*.py")]

    assert sum(map(comments_in, texts)) >= 0.03 * sum(len(text.splitlines()) for text in texts)


def test_a_planted_dialect_is_found() -> None:
    planted = '"""What it is."""\ndef f():\n    """Return if it is told."""\n'

    assert wrong_beginnings(planted) == ["What it is.", "Return if it is told."]
    assert DIALECT.findall(planted) == ["told"]
    assert comments_in("x = '# no comment'  # one\n") == 1
