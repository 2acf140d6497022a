"""Blocks of a page that a script writes from the code, each between two comments that name it and the script."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

Blocks = Mapping[str, Iterable[str]]
"""The lines of each block, by its name."""


def with_blocks(page: str, blocks: Blocks, command: str) -> str:
    """Return the text of a page with its ``blocks``, which ``command`` writes.

    Raises:
        SystemExit: the page has no place for one.
    """
    for name, lines in blocks.items():
        head, begin, rest = page.partition(f"<!-- begin {name}: {command} -->\n")
        _, end, tail = rest.partition(f"<!-- end {name} -->")
        if not (begin and end):
            sys.exit(f"the page has no block {name!r}: the lines <!-- begin {name}: ... --> and <!-- end {name} -->")
        page = head + begin + "".join(f"{line}\n" for line in lines) + end + tail
    return page


def write_or_check(page: Path, blocks: Blocks, command: str, *arguments: str) -> None:
    """Write ``page``, or another file that ``arguments`` name; with ``--check`` exit with 1 if it would change."""
    files = [argument for argument in arguments if argument != "--check"]
    file = Path(files[0]) if files else page
    text = file.read_text("utf-8")
    new = with_blocks(text, blocks, command)
    if "--check" not in arguments:
        file.write_text(new, "utf-8")
    elif new != text:
        sys.exit(f"{file} is not what the code says; run: {command}")
