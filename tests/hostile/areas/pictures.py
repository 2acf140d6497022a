"""Pictures of which some cost a decoder far more than their bytes, each read by ``turnout run``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.hostile.case import Case, Prepare, Trial
from tests.hostile.observed_process import observe
from tests.hostile.picture_bombs import (
    LARGE,
    Make,
    bmp_bombs,
    gif_bombs,
    jpeg_bombs,
    large_pictures,
    png_bombs,
    tiff_bombs,
    webp_bombs,
)
from tests.hostile.picture_files import encode, jpeg_of_scans, plain
from tests.hostile.sandbox import Sandbox

SETTINGS = "pipelines:\n  look:\n    - load_image\n"
# Two copies of four bytes a pixel; libjpeg has the coefficients of a progressive JPEG besides, two bytes each.
BYTES_PER_PIXEL = {"progressive JPEG": 10, "progressive JPEG of CMYK": 12}
_MEASURE = """
import io, sys
from PIL import Image
from turnout_vision.pictures.images import read_picture

def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))

small = io.BytesIO()
Image.new("RGB", (9, 9)).save(small, sys.argv[2])
read_picture(small.getvalue())
before = peak()
height, width, _ = read_picture(sys.argv[1]).shape
print((peak() - before) / (height * width))
"""


def cases() -> Iterator[Trial]:
    """Yield a case for each picture that is small or large for its bytes, and a trial for each format's memory."""
    for kind, members in {
        "jpeg": jpeg_bombs(),
        "webp": webp_bombs(),
        "tiff": tiff_bombs(),
        "others": png_bombs() | gif_bombs() | bmp_bombs(),
    }.items():
        for member, make in members.items():
            yield Case(f"pictures/{kind}/{member}", _look(make), _good, frozenset({0, 1}))
    for member, make in large_pictures().items():
        # A good picture of as many pixels has the same two copies.
        yield Case(f"pictures/large/{member}", _look(make), _good_large, frozenset({0, 1}))
    for member, (make, format) in _good_ones().items():
        yield Memory(f"pictures/memory/{member.replace(' ', '_')}", make, format, BYTES_PER_PIXEL.get(member, 8))
    yield Late("pictures/deadline/no_answer_is_late", partial(jpeg_of_scans, 16, LARGE))


@dataclass(frozen=True, slots=True)
class Memory:
    """A good picture of 25 megapixels, and the most bytes that one of its pixels may need until it is in its array."""

    name: str
    make: Make
    format: str
    most: float

    def problems(self, folder: Path) -> list[str]:
        sandbox = Sandbox.create(folder / "sandbox")
        (sandbox.work / "picture").write_bytes(self.make())
        seen = observe(sandbox.python(_MEASURE, "picture", self.format), sandbox.work, sandbox.environment())
        if seen.exit != 0:
            return [f"exit {seen.exit}: {seen.stderr[-300:]}"]
        # 16 MB for a band and the codec.
        allowed = self.most + 16e6 / (LARGE[0] * LARGE[1])
        found = float(seen.stdout)
        return [f"{found:.1f} bytes a pixel, the bound is {allowed:.1f}"] if found > allowed else []


@dataclass(frozen=True, slots=True)
class Late:
    """Runs with deadlines around the time that a picture takes: no answer that comes after its deadline is ok."""

    name: str
    make: Make

    def problems(self, folder: Path) -> list[str]:
        sandbox = Sandbox.create(folder / "sandbox")
        found = []
        for timeout in (0.01, 0.2):
            seen = observe([*_look(self.make)(sandbox), "--timeout", str(timeout)], sandbox.work, sandbox.environment())
            found += late_answers(seen.stdout, timeout)
        return found


def late_answers(lines: str, timeout: float) -> list[str]:
    """Return a sentence for each record in ``lines`` that is ok and came more than a moment after ``timeout``."""
    records = [json.loads(line) for line in lines.splitlines()]
    late = [record for record in records if record["ok"] and record["seconds"] > timeout + 0.05]
    return [f"ok after {record['seconds']} s of {timeout}" for record in late] + ([] if records else ["no record"])


def _look(make: Make, name: str = "picture.jpg") -> Prepare:
    def prepare(sandbox: Sandbox) -> list[str]:
        (sandbox.work / "turnout.yaml").write_text(SETTINGS)
        (sandbox.work / name).write_bytes(make())
        return sandbox.turnout("run", "look", name)

    return prepare


def _good(sandbox: Sandbox) -> list[str]:
    return _look(partial(encode, "JPEG"))(sandbox)


def _good_large(sandbox: Sandbox) -> list[str]:
    return _look(partial(plain, "JPEG", LARGE))(sandbox)


def _good_ones() -> Mapping[str, tuple[Make, str]]:
    large = large_pictures()
    made = {
        "JPEG": {},
        "progressive JPEG": {"progressive": True, "subsampling": 0},
        "progressive JPEG of CMYK": {"mode": "CMYK", "progressive": True},
        "PNG": {},
        "PNG with alpha": {"mode": "RGBA"},
        "gray PNG": {"mode": "L"},
        "GIF": {"mode": "P"},
        "WEBP": {"method": 0},
        "WEBP without loss": {"lossless": True},
        "WEBP with alpha": {"mode": "RGBA", "lossless": True},
        "TIFF": {"compression": "tiff_lzw"},
        "BMP": {},
    }
    formats = {name: next(word for word in name.split() if word.isupper()) for name in made}
    return {
        **{name: (partial(plain, formats[name], LARGE, **options), formats[name]) for name, options in made.items()},
        "animated WEBP": (large["webp_animated"], "WEBP"),
        "TIFF of one strip": (large["tiff_of_one_strip"], "TIFF"),
    }
