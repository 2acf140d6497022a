"""Writes the table of docs/reference/picture-steps.md: the public names of turnout-vision.

python docs/picture_steps_page.py           # writes the page
python docs/picture_steps_page.py --check   # exits with 1 if the page is not what this would write
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import turnout_vision

PAGE = Path(__file__).parent / "reference" / "picture-steps.md"
BEGIN, END = "<!-- begin names -->\n", "<!-- end names -->"


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


def page() -> str:
    """Return the page with the table of today."""
    head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    return f"{head}{BEGIN}{chr(10).join(rows())}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page(), "utf-8")
    elif page() != PAGE.read_text("utf-8"):
        sys.exit(f"{PAGE.name} is not what the code says; run: python docs/picture_steps_page.py")
