"""Compare the text that Turnout and rapidocr-onnxruntime read in the pictures of a folder, and in those of scikit-image.

    .venvs/photo/bin/python benchmarks/read_text.py FOLDER [--triton localhost:8001]

FOLDER may be python/tests/test_files of https://github.com/RapidAI/RapidOCR. Prints a line for each picture,
and exits with 1 if one differs. The times are those of one call each, one thread, and no measure of anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rapidocr_onnxruntime import RapidOCR
from skimage import data

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.photo.ocr_models import settings

import turnout
from turnout_vision.pictures.images import read_picture

PHOTOGRAPHS = ("page", "text", "astronaut", "coffee", "rocket", "chelsea", "coins")
SUFFIXES = {".jpg", ".jpeg", ".png"}


def pictures(folder: Path | None) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    for file in sorted(folder.iterdir()) if folder else ():
        if file.suffix.lower() in SUFFIXES:
            yield file.name, read_picture(file)
    for name in PHOTOGRAPHS:
        found = getattr(data, name)()
        yield name, found if found.ndim == 3 else np.stack([found] * 3, axis=-1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--triton", default="")
    arguments = parser.parse_args()
    reader, differ, lines, score = RapidOCR(intra_op_num_threads=1), 0, 0, 0.0
    backend = "triton" if arguments.triton else "onnxruntime"
    with turnout.open(settings(backend, arguments.triton)) as app:
        for name, picture in pictures(arguments.folder):
            start = time.perf_counter()
            theirs = reader(np.ascontiguousarray(picture[:, :, ::-1]))[0] or []
            middle = time.perf_counter()
            result = app.run("read", image=picture)
            end = time.perf_counter()
            ours = [(line.polygon.tolist(), line.text) for line in result["text_lines"]]
            equal = ours == [(polygon, text) for polygon, text, _ in theirs] and not result.failures
            differ, lines = differ + (not equal), lines + len(theirs)
            if equal:
                score = max([score, *(abs(a.score - b[2]) for a, b in zip(result["text_lines"], theirs, strict=True))])
            verdict = "equal" if equal else "DIFFERENT"
            print(f"{name}: {len(theirs)} lines, {verdict}, {middle - start:.2f} s, {end - middle:.2f} s")
    print(f"{differ} pictures differ; {lines} lines; greatest difference of a score {score:g}")
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()
