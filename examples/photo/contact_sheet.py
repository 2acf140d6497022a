"""Puts the pictures that `turnout run` saved side by side on one sheet."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

HEIGHT, GAP = 600, 12
DARK = (24, 24, 24)


def main(results: list[Path], target: Path) -> None:
    """Write the sheet of the pictures in ``results``, JSON lines, to ``target``."""
    records = [json.loads(line) for file in results for line in file.read_text("utf-8").splitlines()]
    panels = [scaled(Image.open(record["saved"]).convert("RGB")) for record in records]
    sheet = Image.new("RGB", (sum(each.width for each in panels) + GAP * (len(panels) - 1), HEIGHT), DARK)
    left = 0
    for each in panels:
        sheet.paste(each, (left, 0))
        left += each.width + GAP
    # Few colors: a photograph as PNG would be large.
    sheet.quantize(192, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {sheet.width} x {sheet.height}, {target.stat().st_size // 1000} kB")


def scaled(picture: Image.Image) -> Image.Image:
    """Return ``picture`` with the height of the sheet."""
    return picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    *given, wanted = map(Path, sys.argv[1:])
    main(given, wanted)
