"""The chart of docs/explanation/performance.md: the rates that ``batching.py --json`` wrote, as SVG.

They are written by ``python benchmarks/batching.py --json docs/explanation/performance.json``, and drawn by:

    python benchmarks/chart.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs/explanation"
FIGURES, CHART = DOCS / "performance.json", DOCS / "performance.svg"

TITLES = {
    "threads": "Small MLP on ONNX Runtime, 32 threads: rows a second",
    "tasks": "Small MLP on ONNX Runtime, 32 asyncio tasks: rows a second",
    "accelerator": "A device of 2 ms and 50 us a row, 32 in flight: rows a second",
}
LABEL, WIDTH, ROW, HEAD = 230, 760, 22, 44
BLUE, GRAY, FRAME = "#1f77b4", "#9aa5b1", "#5b6672"


def draw(rates: Mapping[str, Mapping[str, float]]) -> str:
    """Return the SVG: one panel for each part, one bar for each side."""
    body, top = [], 0
    for part, title in TITLES.items():
        body += _panel(top, title, rates[part])
        top += HEAD + ROW * len(rates[part])
    lines = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 10}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{lines}\n</svg>\n'
    )


def _panel(top: int, title: str, rates: Mapping[str, float]) -> Iterator[str]:
    yield f'<text x="10" y="{top + 30}" font-weight="bold">{escape(title)}</text>'
    largest = max(rates.values())
    for number, (name, rate) in enumerate(sorted(rates.items(), key=lambda one: -one[1])):
        y, length = top + HEAD + ROW * number, (WIDTH - LABEL - 90) * rate / largest
        color = FRAME if name == "ideal" else BLUE if name.startswith("Turnout") else GRAY
        yield f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect x="{LABEL}" y="{y + 1}" width="{length:.1f}" height="{ROW - 6}" fill="{color}"/>'
        yield f'<text x="{LABEL + length + 6:.1f}" y="{y + 13}">{rate:,.0f}</text>'


def main() -> int:
    CHART.write_text(draw(json.loads(FIGURES.read_text("utf-8"))["rates"]), "utf-8")
    print(f"written: {CHART}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
