"""A photograph of 1920 x 1080 as JPEG, from its file to a model's input: our steps against Pillow and simplejpeg alone.

Each side decodes the file, resizes to 224, 384 or 1024 pixels and normalises to FP32 [1, 3, side, side]. Ours are the steps
``load_image`` and ``segment_regions`` of a pipeline, with every check of a stranger's file, its orientation and its memory. The
others are what an engineer writes with Pillow and numpy, and with simplejpeg for the decoder; they check nothing. All decode
every pixel: Pillow's ``draft`` and simplejpeg's ``min_factor`` give a model other pixels than its image processor, and are
reported without a bar. The sides take turns; figures are medians of the CPU time of a call, ratios to the fastest other side.

simplejpeg is installed into a virtual environment of its own, with the same Pillow and numpy.

    python benchmarks/vision.py            # in the environment .venvs/direct
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import photographs
import plain_pictures
from bars import Measured, report

from turnout import PipelineContext, PipelineStep, StepDeclaration
from turnout_vision.factories import create_load_image, create_segment_regions
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.segment_regions import SegmentRegionsOptions

BAR = 1.3
PEER = Path(tempfile.gettempdir()) / f"turnout-simplejpeg-{version('Pillow')}-{version('numpy')}"

Call = Callable[[str], np.ndarray]


def install_peer() -> Path:
    """Return the Python of an environment with simplejpeg, which is created where there is none."""
    python = PEER / "bin" / "python"
    if not (PEER / "done").exists():
        venv.create(PEER, with_pip=True, clear=True)
        packages = ["simplejpeg", f"Pillow=={version('Pillow')}", f"numpy=={version('numpy')}"]
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True)
        (PEER / "done").touch()
    return python


class Peer:
    """A process of the other environment, which measures when it is asked to."""

    def __init__(self, python: Path) -> None:
        command = [python, Path(plain_pictures.__file__)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **question: Any) -> Any:
        """Return the answer to ``question``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)


def our_steps(folder: Path, target: plain_pictures.Target) -> Call:
    """Return a function that runs the steps of a pipeline up to the request of the model."""
    folder.mkdir()
    settings = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": target.side, "width": target.side},
        "resample": target.resample,
        "image_mean": target.mean,
        "image_std": target.std,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    load = create_load_image(StepDeclaration("load_image", "benchmark"), LoadImageOptions())
    declaration = StepDeclaration("segment_regions", "benchmark", models={"m": {}})
    segment = create_segment_regions(declaration, SegmentRegionsOptions(model="m", processor=str(folder), margin=0))

    def call(file: str) -> np.ndarray:
        values: dict[str, Any] = {"image": file}
        load.process(context_of(load, values))
        (request,) = segment.preprocess(context_of(segment, values))
        return request.inputs["pixel_values"]

    return call


def context_of(step: PipelineStep, values: dict[str, Any]) -> PipelineContext:
    """Return the context of ``step`` in a run with ``values``."""
    return PipelineContext(values, reads=step.reads, provides=step.provides)


def compare(target: plain_pictures.Target, files: list[str], ours: Call, peer: Peer, rounds: int) -> Measured:
    """Return the ratio of our steps to the fastest other side."""
    plain = {
        name: plain_pictures.milliseconds(call, target) for name, call in plain_pictures.SIDES.items() if "jpeg" not in name
    }
    for file in files:
        expected = plain_pictures.with_pillow(file, target)
        np.testing.assert_allclose(ours(file), expected, atol=1e-5)
        assert peer.ask(side="simplejpeg", target=target.side, file=file, sum=True) == float(expected.sum(dtype=np.float64))
    figures: dict[str, list[float]] = {}
    for turn in range(rounds + 2):
        for file in files:
            took = {name: measure(file) for name, measure in plain.items()}
            took["ours"] = plain_pictures.milliseconds(lambda name, _: ours(name), target)(file)
            for side in ("simplejpeg", "simplejpeg, min_factor"):
                took[side] = peer.ask(side=side, target=target.side, file=file)
            for name, value in took.items():
                if turn >= 2:
                    figures.setdefault(name, []).append(value)
    return summarize(target, figures)


def summarize(target: plain_pictures.Target, figures: Mapping[str, list[float]]) -> Measured:
    """Return our ratio to the best side that gives the same pixels."""
    medians = {name: statistics.median(values) for name, values in figures.items()}
    best = min(("pillow", "simplejpeg"), key=medians.__getitem__)
    ratio = statistics.median(a / b for a, b in zip(figures["ours"], figures[best], strict=True))
    note = ", ".join(f"{name} {value:.1f} ms" for name, value in medians.items())
    return Measured(f"1080p JPEG to {target.side} px, over {best}", ratio, BAR, "lower", note=note)


def main() -> int:
    """Run every comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="Write the figures to this file too.")
    given = parser.parse_args()
    peer = Peer(install_peer())
    try:
        with tempfile.TemporaryDirectory() as folder:
            files = list(map(str, photographs.save_photographs(Path(folder) / "photos", len(photographs.SOURCES))))
            found = [
                compare(target, files, our_steps(Path(folder) / str(target.side), target), peer, given.rounds)
                for target in plain_pictures.TARGETS
            ]
    finally:
        peer.close()
    return report(found, given.json)


if __name__ == "__main__":
    sys.exit(main())
