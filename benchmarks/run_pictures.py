"""``turnout run describe`` on 200 photographs against a plain loop over the same models on ONNX Runtime, wall time.

Both are whole commands: their start, the opening of the models, 200 JPEG files of 1920 x 1080, one JSON line for each. The loop
is ``plain_loop.py``, written as a user writes it: once with the default threads of ONNX Runtime, once with one thread a session
as in turnout.yaml. The commands take turns, and every caption, answer and mask of all must be the same.

    python benchmarks/run_pictures.py                  # in the environment .venvs/direct
    python benchmarks/run_pictures.py --jobs 1 2 4     # other numbers of jobs beside the default
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import photographs
from bars import Measured, report

BAR = 1.3
# Threads of a session; 0 is ONNX Runtime's default, one for each core.
PLAIN = {"plain": "0", "plain, 1 thread": "1"}
HERE = Path(__file__).resolve().parent


def commands(folder: Path, pictures: Sequence[Path], jobs: Sequence[int]) -> dict[str, list[str]]:
    """Return the command of each side; each writes its lines to ``NAME.jsonl`` in ``folder``."""
    turnout = [str(Path(sys.executable).with_name("turnout")), "run", "describe", str(folder / "photos")]
    sides = {
        name: [sys.executable, str(HERE / "plain_loop.py"), threads, str(folder / f"{name}.jsonl"), *map(str, pictures)]
        for name, threads in PLAIN.items()
    }
    sides["turnout"] = [*turnout, "--out", str(folder / "turnout.jsonl")]
    for number in jobs:
        sides[f"turnout --jobs {number}"] = [
            *turnout,
            "--out",
            str(folder / f"turnout --jobs {number}.jsonl"),
            "--jobs",
            str(number),
        ]
    return sides


def seconds(command: list[str], out: Path) -> tuple[float, float]:
    """Return the wall time and the CPU time of a command whose output file is new."""
    out.unlink(missing_ok=True)
    environment = {**os.environ, "INFERENCE_BACKEND": "onnxruntime"}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=HERE.parent, env=environment, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def answers(out: Path) -> list[tuple[str, object, object, object]]:
    """Return what a file says of each picture, without its times."""
    found = []
    for line in out.read_text().splitlines():
        record = json.loads(line)
        (region,) = record["regions"]
        found.append((record["image"], region["caption"], region["answer"], region["mask"]))
    return found


def main() -> int:
    """Measure both sides in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--jobs", type=int, nargs="*", default=[], help="Numbers of jobs to measure beside the default.")
    parser.add_argument("--json", type=Path, help="Write the figures to this file too.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sides = commands(folder, photographs.save_photographs(folder / "photos", given.pictures), given.jobs)
        figures: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(given.rounds):
            for side, command in sides.items():
                wall, cpu = seconds(command, folder / f"{side}.jsonl")
                figures[side].append(wall)
                print(f"round {turn + 1}: {side:20} {wall:6.2f} s, CPU {cpu:6.2f} s", flush=True)
        for side in sides:
            assert answers(folder / f"{side}.jsonl") == answers(folder / "plain.jsonl"), f"{side} has other answers"
    return report(list(measured(figures, given.pictures)), given.json, seconds=figures)


def measured(figures: dict[str, list[float]], pictures: int) -> list[Measured]:
    """Return the ratio of each plain loop to each way of Turnout; only the default has a bar."""
    found = []
    for name, side in product(PLAIN, [side for side in figures if side not in PLAIN]):
        ratio = statistics.median(theirs / ours for theirs, ours in zip(figures[name], figures[side], strict=True))
        note = f"{statistics.median(figures[name]):.1f} s, {statistics.median(figures[side]):.1f} s"
        found.append(
            Measured(f"{side}: {pictures} photographs, over {name}", ratio, BAR if side == "turnout" else None, note=note)
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
