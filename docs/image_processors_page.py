"""Writes what docs/reference/image-processors.md has from the code: the table of the image processors of transformers.

    python docs/image_processors_page.py           # writes the page
    python docs/image_processors_page.py --check   # exits with 1 if the page is not what this would write

The first argument may be another file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from turnout_vision.preprocess.kinds import KINDS
from turnout_vision.preprocess.refusals import REFUSALS

PAGE = Path(__file__).parent / "reference" / "image-processors.md"
BEGIN, END = "<!-- begin table: python docs/image_processors_page.py -->\n", "<!-- end table -->"


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"{len(KINDS)} of {len(KINDS) + len(REFUSALS)} are supported:"
    yield ""
    yield "| image processor | values | |"
    yield "|---|---|---|"
    for name in sorted({**KINDS, **REFUSALS}, key=str.lower):
        if name in KINDS:
            yield f"| `{name}` | equal | {'in every bit' if KINDS[name].exact else 'to 1e-6'} |"
        else:
            yield f"| `{name}` | refused | {REFUSALS[name]} |"


def written(page: str) -> str:
    """Return the text of the page with its table written from the code."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        sys.exit(f"the page has no table: the lines {BEGIN.strip()} and {END}")
    return head + begin + "".join(f"{line}\n" for line in table()) + end + tail


def main(*arguments: str) -> None:
    """Write the page, or check it."""
    files = [argument for argument in arguments if argument != "--check"]
    page = Path(files[0]) if files else PAGE
    text = page.read_text("utf-8")
    new = written(text)
    if "--check" not in arguments:
        page.write_text(new, "utf-8")
    elif new != text:
        sys.exit(f"{page} is not what the code says; run: python docs/image_processors_page.py")


if __name__ == "__main__":
    main(*sys.argv[1:])
