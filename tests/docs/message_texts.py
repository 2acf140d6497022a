"""The texts of the messages in the sources, with ``...`` in each place that is filled in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEVELS = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "exception": "ERROR",
    "critical": "CRITICAL",
}
_PLACE = re.compile(r"%[-+.0-9]*[srdfgi]|\{[^{}]*\}")
_DOTS = re.compile(r"(?:\.\.\.[\s'\"]*)+")


def sources() -> list[Path]:
    return sorted([*(ROOT / "core/src").rglob("*.py"), *ROOT.glob("plugins/*/src/**/*.py")])


class Templates:
    """Every text of the sources; finds a message in them."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    def have(self, message: str) -> bool:
        """Return whether each part of ``message`` between two ``...`` stands in the sources, in one text where it has several.

        A message may be put together from two texts, of which the second fills a place of the first.
        """
        parts = [part.strip(" '\"`;:,.()") for part in message.split("...")]
        parts = [part for part in parts if len(part) > 2]
        return bool(parts) and (self._in_one(parts) or all(self._in_one([part]) for part in parts))

    def _in_one(self, parts: list[str]) -> bool:
        pattern = re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
        return any(pattern.search(text) for text in self._texts)


def templates(files: list[Path]) -> Templates:
    return Templates([text for file in files for text in _texts(ast.parse(file.read_text("utf-8")))])


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        text = _text(node)
        if text:
            yield _DOTS.sub("... ", _PLACE.sub("...", text))
            yield _PLACE.sub("...", text)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
    return ""
