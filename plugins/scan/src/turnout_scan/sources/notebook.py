"""The code cells of a Jupyter notebook as one Python text, with the cell of each line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.files.limits import MIB, FileLimits
from turnout.files.strict_json import read_json

NOTEBOOK = FileLimits("a notebook to scan", 32 * MIB, max_values=500_000, infinite=True, any_text=True)


@dataclass(frozen=True, slots=True)
class NotebookText:
    """The code of a notebook.

    Attributes:
        text: the code cells, one after another.
        places: for each line of the text, from 1, the number of its cell and its line in that cell.
    """

    text: str
    places: tuple[tuple[int, int], ...]


def read_notebook(file: Path) -> NotebookText:
    """Return the code of ``file``.

    Raises:
        ValueError: it is no notebook.
        OSError: it cannot be read, or is larger than ``NOTEBOOK`` allows.
    """
    content = read_json(file, NOTEBOOK)
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list):
        raise ValueError("it has no cells: no notebook of format 4")  # noqa: TRY004  # the type is JSON's, not a caller's
    lines = [(line, number, place) for number, cell in enumerate(cells, 1) for place, line in _code(cell)]
    return NotebookText("\n".join(line for line, _, _ in lines) + "\n", tuple((cell, place) for _, cell, place in lines))


def _code(cell: Any) -> Iterator[tuple[int, str]]:
    """Yield the lines of a code cell, from 1; those that only IPython reads become ``pass``."""
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return
    source = cell.get("source", "")
    text = "".join(line for line in source if isinstance(line, str)) if isinstance(source, list) else str(source)
    # A cell magic of another language or of the shell; %%time and the like hold Python.
    magic = text.lstrip().startswith("%%")
    if magic and not text.lstrip().startswith(("%%time", "%%capture", "%%prun")):
        return
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.lstrip()
        is_python = not bare.startswith(("%", "!", "?")) and not bare.rstrip().endswith("?")
        yield number, line if is_python else f"{line[: len(line) - len(bare)]}pass"
