"""The limits in docs/explanation/security.md are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from turnout.files import limits
from turnout.files.limits import FileLimits

PAGE = Path(__file__).parents[2] / "docs/explanation/security.md"
UNITS = {"bytes": 1, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def rows() -> dict[str, tuple[int, ...]]:
    """Return size, nesting and values by kind, as the page says."""
    found = re.findall(
        r"^\| ([^|]+) \| ([\d,]+) (bytes|MiB|GiB|TiB) \| ([\d,]*) ?\| ([\d,]*) ?\|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    return {
        kind.replace("`", "").replace(".turnout/", ".turnout"): (number(size) * UNITS[unit], number(depth), number(values))
        for kind, size, unit, depth, values in found
    }


def number(text: str) -> int:
    return int(text.replace(",", "") or 0)


def test_every_limit_is_on_the_page_with_its_figures() -> None:
    named = {one.kind: one for one in vars(limits).values() if isinstance(one, FileLimits)}
    page = rows()

    assert page.keys() == named.keys()
    for kind, (size, depth, values) in page.items():
        limit = named[kind]
        assert limit.max_bytes in (size, size - 1), kind
        assert (depth, values) in ((limit.max_depth, limit.max_values), (0, 0)), kind
