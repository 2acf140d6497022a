"""Puts the pictures that `turnout run` saved, and the text that it read, on one sheet."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

WIDTH, GAP, TEXT_SIZE = 800, 12, 22
DARK, BRIGHT = (24, 24, 24), (255, 255, 255)


def main(results: list[Path], target: Path) -> None:
    """Write the sheet of the pictures in ``results``, JSON lines, to ``target``."""
    records = [json.loads(line) for file in results for line in file.read_text("utf-8").splitlines()]
    read = [with_text(record) for record in records]
    height = min(each.height for each in read)
    panels = [each.resize((round(each.width * height / each.height), height), Image.Resampling.LANCZOS) for each in read]
    sheet = Image.new("RGB", (sum(each.width for each in panels) + GAP * (len(panels) - 1), height), DARK)
    left = 0
    for each in panels:
        sheet.paste(each, (left, 0))
        left += each.width + GAP
    # Few colors: a photograph as PNG would be large.
    sheet.quantize(192, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {sheet.width} x {sheet.height}, {target.stat().st_size // 1000} kB")


def with_text(record: dict[str, Any]) -> Image.Image:
    """Return the saved picture of one record, with the text that was read below it."""
    picture = Image.open(record["saved"]).convert("RGB")
    picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    text = "\n".join(f"{line['text']}  {line['score']:.2f}" for line in record.get("text_lines", ()))
    if not text:
        return picture
    font = ImageFont.load_default(size=TEXT_SIZE)
    bottom = ImageDraw.Draw(picture).multiline_textbbox((0, 0), text, font=font)[3]
    whole = Image.new("RGB", (WIDTH, picture.height + int(bottom) + 2 * GAP), DARK)
    whole.paste(picture, (0, 0))
    ImageDraw.Draw(whole).multiline_text((GAP, picture.height + GAP), text, font=font, fill=BRIGHT)
    return whole


if __name__ == "__main__":
    *given, wanted = map(Path, sys.argv[1:])
    main(given, wanted)
