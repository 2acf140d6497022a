"""The syntax tree of a file, or the reason why there is none."""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import text_of
from turnout_scan.sources.notebook import read_notebook
from turnout_scan.sources.skipped import Skipped
from turnout_scan.sources.text import read_source


@dataclass(frozen=True, slots=True, eq=False)
class ParsedFile:
    """A file and its syntax tree.

    Attributes:
        file, root: the file, and the folder that it was found from.
        text, tree: its Python.
        cells: of a notebook, the cell and the line in it of each line; else empty.
    """

    file: Path
    root: Path
    text: str
    tree: ast.Module
    cells: tuple[tuple[int, int], ...] = ()


def parse_file(file: Path, root: Path) -> ParsedFile | Skipped:
    """Return ``file`` parsed, or why it is not. Nothing of it runs."""
    try:
        return _parse(file, root)
    except SyntaxError as error:
        return Skipped(file, f"line {error.lineno or 1}: {error.msg}; Python {_VERSION} cannot parse it")
    except (RecursionError, MemoryError):
        return Skipped(file, "its code is nested too deep to parse")
    except OSError as error:
        return Skipped(file, error.strerror or text_of(error))
    except ValueError as error:
        return Skipped(file, text_of(error))


_VERSION = ".".join(map(str, sys.version_info[:2]))


def _parse(file: Path, root: Path) -> ParsedFile:
    if file.suffix.lower() == ".ipynb":
        notebook = read_notebook(file)
        return ParsedFile(file, root, notebook.text, _tree(notebook.text), notebook.places)
    text = read_source(file)
    return ParsedFile(file, root, text, _tree(text))


def _tree(text: str) -> ast.Module:
    with warnings.catch_warnings():
        # An escape like "\d" is a warning of the parser.
        warnings.simplefilter("ignore")
        return ast.parse(text)
