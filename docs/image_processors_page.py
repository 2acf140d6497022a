"""Writes what docs/reference/image-processors.md has from the code: the table of the image processors of transformers.

    python docs/image_processors_page.py           # writes the page
    python docs/image_processors_page.py --check   # exits with 1 if the page is not what this would write

The first argument may be another file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from generated_page import write_or_check

from turnout_vision.preprocess.kinds import KINDS
from turnout_vision.preprocess.refusals import REFUSALS

PAGE = Path(__file__).parent / "reference" / "image-processors.md"
COMMAND = "python docs/image_processors_page.py"


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


if __name__ == "__main__":
    write_or_check(PAGE, {"table": table()}, COMMAND, *sys.argv[1:])
