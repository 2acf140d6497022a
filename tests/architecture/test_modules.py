"""Modules stay short, and a class name has one meaning within a distribution."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = [ROOT / "core/src", *sorted((ROOT / "plugins").glob("*/src"))]
MOST_LINES = 250
# Triton looks this name up in every Python model and backend.
NAMED_BY_TRITON = {"TritonPythonModel"}


def long_modules(folder: Path) -> list[str]:
    return [file.name for file in folder.rglob("*.py") if len(file.read_text("utf-8").splitlines()) > MOST_LINES]


def twin_classes(folder: Path) -> set[str]:
    trees = (ast.parse(file.read_text("utf-8")) for file in folder.rglob("*.py"))
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {name for name, count in names.items() if count > 1}


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: folder.parent.name)
def test_no_module_is_long(folder: Path) -> None:
    assert long_modules(folder) == []


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: folder.parent.name)
def test_no_class_name_is_used_twice(folder: Path) -> None:
    assert twin_classes(folder) - NAMED_BY_TRITON == set()


def test_a_long_module_and_a_twin_are_found(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("class Job: ...\n" + "x = 1\n" * MOST_LINES)
    (tmp_path / "short.py").write_text("class Job: ...\n" + "x = 1\n" * (MOST_LINES - 1))

    assert long_modules(tmp_path) == ["long.py"]
    assert twin_classes(tmp_path) == {"Job"}
