"""Writes the table of docs/reference/picture-steps.md: the public names of turnout-vision.

python docs/picture_steps_page.py           # writes the page
python docs/picture_steps_page.py --check   # exits with 1 if the page is not what this would write

The first argument may be another file.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from generated_page import write_or_check

import turnout_vision

PAGE = Path(__file__).parent / "reference" / "picture-steps.md"
COMMAND = "python docs/picture_steps_page.py"


def rows() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| name | what it is |"
    yield "|---|---|"
    for name in turnout_vision.__all__:
        value = getattr(turnout_vision, name)
        first = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`").replace("|", "\\|")
        yield f"| `{name}{_arguments(value)}` | {first} |"


def _arguments(value: object) -> str:
    if inspect.isclass(value):
        return ""
    return f"({', '.join(inspect.signature(value).parameters)})" if callable(value) else ""


if __name__ == "__main__":
    write_or_check(PAGE, {"names": rows()}, COMMAND, *sys.argv[1:])
