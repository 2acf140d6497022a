"""The demo pictures, with their region files.

python -m examples.training.draw_demo --out examples/pictures
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from examples.training import language, seeds
from examples.training.scenes import draw_scene

PICTURES = (
    ("harbour.png", 3, (320, 240)),
    ("meadow.png", 4, (256, 256)),
    ("dusk.jpg", 3, (400, 300)),
    ("market.jpg", 5, (480, 360)),
    ("window.png", 4, (240, 320)),
    ("parade.jpg", 5, (512, 384)),
)


def main() -> None:
    """Write every picture and its region file, NAME.regions.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for seed, (name, count, size) in zip(seeds.DEMO, PICTURES, strict=False):
        scene = draw_scene(seed, count=count, size=size)
        picture = scene.picture
        if name.endswith(".jpg"):
            picture.save(out / name, quality=88)
        else:
            picture.quantize(128).save(out / name, optimize=True)
        regions = [{"box": list(item.box), "label": language.name(item)} for item in scene.objects]
        text = json.dumps({"regions": regions}, indent=2)
        (out / name).with_suffix(".regions.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
