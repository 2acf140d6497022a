"""Overhead of Turnout over ONNX Runtime: CPU of ``app.model(...).infer`` against a raw ``session.run``, interleaved in one run.

Both sides get the same arrays and the same session options. Turnout's side validates every tensor and counts and times every
request; the measured time includes folding the counts into histograms (``metrics.fold`` is called in every round). CPU is the
process's own (``time.process_time``), so other processes have little effect; medians over rounds. A second raw session of the
same file is measured too: its ratio to the first is what two equal sides differ by.

    python benchmarks/overhead.py            # a 50 us MLP and a CNN
    python benchmarks/overhead.py --rounds 400
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from bars import Measured, report
from onnx_models import RANDOM, cnn, cpu_microseconds, depth_for, mlp, raw_session

import turnout
from turnout.metrics import Metrics


def ratio(
    name: str, model: onnx.ModelProto, array: np.ndarray, *, rounds: int, calls: int, bars: tuple[float, float]
) -> Measured:
    """Return the ratio of the two sides; their order alternates."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        onnx.save(model, file)
        options = {"path": str(file), "intra_op_num_threads": 1}
        settings = {"models": {"m": {"backend": "onnxruntime", "backends": {"onnxruntime": options}}}}
        session, again = raw_session(file), raw_session(file)
        with turnout.open(settings, metrics=Metrics()) as app:
            run, infer, fold = session.run, app.model("m").infer, app.metrics.fold
            assert np.array_equal(run(None, {"x": array})[0], infer({"x": array})["y"])
            sides = {
                "raw": lambda: cpu_microseconds(lambda: run(None, {"x": array}), calls),
                "raw again": lambda: cpu_microseconds(lambda: again.run(None, {"x": array}), calls),
                "turnout": lambda: cpu_microseconds(lambda: infer({"x": array}), calls, fold),
            }
            figures: dict[str, list[float]] = {side: [] for side in sides}
            for turn in range(rounds + 5):
                for side in sorted(sides, reverse=turn % 2 == 0):
                    gc.collect()
                    figures[side].append(sides[side]())
    raw, second, ours = (figures[side][5:] for side in sides)
    found = statistics.median(b / a for a, b in zip(raw, ours, strict=True))
    equal = statistics.median(b / a for a, b in zip(raw, second, strict=True))
    medians = ", ".join(f"{side} {statistics.median(values):.1f} us" for side, values in figures.items())
    note = f"{medians}; two raw sessions differ by {equal:.3f}"
    return Measured(f"infer() against session.run, {name}", found, bars[0], "lower", stretch=bars[1], note=note)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    arguments = parser.parse_args()
    rounds = arguments.rounds
    row = RANDOM.standard_normal((1, 128)).astype("f4")
    picture = RANDOM.standard_normal((1, 32, 64, 64)).astype("f4")
    found = [
        ratio("MLP of 50 us", mlp(128, depth_for(50)), row, rounds=rounds, calls=400, bars=(1.08, 1.05)),
        ratio("small CNN", cnn(64, 4), picture, rounds=max(20, rounds // 6), calls=50, bars=(1.01, 1.01)),
    ]
    return report(found, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
