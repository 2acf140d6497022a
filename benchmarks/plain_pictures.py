"""From a JPEG file to a model's input without Turnout: Pillow and numpy, and simplejpeg where it is installed.

As a program it answers questions on its standard input, one line of JSON each: the other sides of ``vision.py``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True, slots=True)
class Target:
    """The input of a model."""

    side: int
    resample: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


# Those of a ViT, BLIP and BiRefNet.
TARGETS = (
    Target(224, 2, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    Target(384, 3, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    Target(1024, 2, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
)
CALLS = 3


def normalize(image: Image.Image, target: Target) -> np.ndarray:
    """Return FP32 [1, 3, side, side]."""
    small = image.resize((target.side, target.side), Image.Resampling(target.resample))
    values = np.asarray(small, dtype=np.float32) / 255
    values = (values - np.float32(target.mean)) / np.float32(target.std)
    return np.ascontiguousarray(values.transpose(2, 0, 1))[np.newaxis]


def with_pillow(file: str, target: Target) -> np.ndarray:
    """Decode with Pillow, resize and normalise."""
    with Image.open(file) as image:
        return normalize(image.convert("RGB"), target)


def with_draft(file: str, target: Target) -> np.ndarray:
    """Let the decoder reduce first, which changes pixels."""
    with Image.open(file) as image:
        image.draft("RGB", (target.side, target.side))
        return normalize(image.convert("RGB"), target)


def with_simplejpeg(file: str, target: Target) -> np.ndarray:
    """Decode with simplejpeg, resize with Pillow and normalise."""
    import simplejpeg

    return normalize(Image.fromarray(simplejpeg.decode_jpeg(Path(file).read_bytes())), target)


def with_min_factor(file: str, target: Target) -> np.ndarray:
    """Let simplejpeg reduce first, which changes pixels."""
    import simplejpeg

    data = Path(file).read_bytes()
    reduced = simplejpeg.decode_jpeg(data, min_height=target.side, min_width=target.side, min_factor=2)
    return normalize(Image.fromarray(reduced), target)


SIDES: dict[str, Callable[[str, Target], np.ndarray]] = {
    "pillow": with_pillow,
    "pillow, draft": with_draft,
    "simplejpeg": with_simplejpeg,
    "simplejpeg, min_factor": with_min_factor,
}


def milliseconds(call: Callable[[str, Target], np.ndarray], target: Target) -> Callable[[str], float]:
    """Return a function that measures the CPU time of a call on a file."""

    def measure(file: str) -> float:
        start = time.process_time()
        for _ in range(CALLS):
            call(file, target)
        return (time.process_time() - start) / CALLS * 1000

    return measure


def main() -> None:
    """Answer every question."""
    targets = {target.side: target for target in TARGETS}
    for line in sys.stdin:
        question = json.loads(line)
        call, target = SIDES[question["side"]], targets[question["target"]]
        if question.get("sum"):
            answer = float(call(question["file"], target).sum(dtype=np.float64))
        else:
            answer = milliseconds(call, target)(question["file"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
