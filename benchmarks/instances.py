"""Instances on the CPU: N of one thread each against one of N threads, N being the number of cores; at 1, 2, 4 and 8 callers.

Six sides take turns: ``1xN``, one instance whose operators have N threads; ``Nx1``, N instances of one thread each; both with
``dynamic_batching: {}`` (``batched 1xN``, ``batched Nx1``); and one session that all callers share, without instances, with
operators of one thread (``shared 1``) and of N (``shared N``).
Three models, on ``onnxruntime`` and on ``direct``: an MLP, a CNN, and the demo's captioner with its ``generate()``.

    python benchmarks/instances.py
    python benchmarks/instances.py --rounds 15 --seconds 1 --json out/instances.json
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from bars import Measured, report
from closed_loop import Call, Load, Reading, rate_of_threads
from onnx_models import cnn, cpu_microseconds, mlp, raw_session

import turnout
from turnout.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent
CORES = len(os.sched_getaffinity(0))
CALLERS = (1, 2, 4, 8)
WIDTH, SIZE, DEPTH = 512, 48, 4
PROMPT = {"input_ids": np.array([[4, 3]]), "attention_mask": np.ones((1, 2), np.int64)}
THREADS = {"onnxruntime": "intra_op_num_threads", "direct": "threads"}


@dataclass(frozen=True, slots=True)
class Case:
    """A model on a backend, with the rows of its callers."""

    name: str
    backend: str
    options: dict[str, Any]
    tensors: tuple[str, str]
    rows: np.ndarray
    model: dict[str, Any]
    more: Mapping[str, np.ndarray] = field(default_factory=dict)

    def sides(self) -> dict[str, dict[str, Any]]:
        """Return the settings of each side."""
        threads = THREADS[self.backend]
        one, many = {threads: 1}, {threads: CORES}
        wide = many | {"instance_group": [{"kind": "KIND_CPU", "count": 1}]}
        several = one | {"instance_group": [{"kind": "KIND_CPU", "count": CORES}]}
        return {
            f"1x{CORES}": self.settings(wide),
            f"{CORES}x1": self.settings(several),
            f"batched 1x{CORES}": self.settings(wide, dynamic_batching={}),
            f"batched {CORES}x1": self.settings(several, dynamic_batching={}),
            "shared 1": self.settings(one),
            f"shared {CORES}": self.settings(many),
        }

    def ask(self, infer: Callable[[dict[str, np.ndarray]], Any], row: np.ndarray) -> np.ndarray:
        """Return the answer to one row."""
        given, wanted = self.tensors
        return infer({given: row, **self.more})[wanted]

    def settings(self, options: dict[str, Any], **keys: Any) -> dict[str, Any]:
        """Return an app over the model with more options of its backend and more keys."""
        backends = {self.backend: {**self.options, **options}}
        return {"models": {"m": {"backend": self.backend, "backends": backends, "max_batch_size": 8, **self.model, **keys}}}


def cases(folder: Path) -> Iterator[Case]:
    """Yield the models on both backends; files are written to ``folder``."""
    random = np.random.default_rng(7)
    rows = random.standard_normal((max(CALLERS), 1, WIDTH)).astype("f4")
    maps = random.standard_normal((max(CALLERS), 1, 32, SIZE, SIZE)).astype("f4")
    for name, model, given, shape in (
        ("mlp", mlp(WIDTH, DEPTH), rows, f"FP32[{WIDTH}]"),
        ("cnn", cnn(SIZE, DEPTH), maps, f"FP32[32,{SIZE},{SIZE}]"),
    ):
        onnx.save(model, folder / f"{name}.onnx")
        yield Case(name, "onnxruntime", {"path": str(folder / f"{name}.onnx")}, ("x", "y"), given, {})
        arguments = {"width": WIDTH, "depth": DEPTH} if name == "mlp" else {"depth": DEPTH}
        factory = {"loader": "factory", "factory": f"torch_models:{name}", "arguments": arguments}
        declared = {"inputs": {"x": shape}, "outputs": {"y": shape}}
        yield Case(name, "direct", factory, ("x", "y"), given, declared)
    yield from captioners(random)


def captioners(random: np.random.Generator) -> Iterator[Case]:
    """Yield the demo's captioner on both backends, with the begin and the end token as the prompt."""
    onnx_options = {"path": str(ROOT / "model_repository/blip_caption")}
    with turnout.open({"models": {"m": {"backend": "onnxruntime", "backends": {"onnxruntime": onnx_options}}}}) as app:
        app.model("m").open()
        side = next(spec.shape for spec in app.model("m").signature().inputs if spec.name == "pixel_values")[-1]
    pictures = random.random((max(CALLERS), 1, 3, side, side), np.float32)
    tensors = ("pixel_values", "generated_ids")
    checkpoint = {
        "loader": "transformers",
        "class": "BlipForConditionalGeneration",
        "checkpoint": str(ROOT / "examples/checkpoints/captioner"),
        "method": "generate",
    }
    yield Case("captioner", "onnxruntime", onnx_options, tensors, pictures, {}, PROMPT)
    yield Case("captioner", "direct", checkpoint, tensors, pictures, {}, PROMPT)


def measure(case: Case, rounds: int, seconds: float) -> Iterator[Measured]:
    """Yield the ratios of one case, for each number of callers."""
    with ExitStack() as stack:
        calls = {}
        for side, settings in case.sides().items():
            app = stack.enter_context(turnout.open(settings, metrics=Metrics()))
            calls[side] = partial(case.ask, app.model("m").infer)
        one, many, shared = f"1x{CORES}", f"{CORES}x1", "shared 1"
        answers = np.stack([calls[one](row) for row in case.rows])
        for callers in CALLERS:
            print(f"{case.name} on {case.backend}, {callers} callers, load {os.getloadavg()[0]:.1f}")
            load = Load(case.rows, answers).first(callers)
            turns = take_turns(calls, load, rounds, seconds)
            pairs = ((many, one), (many, shared), (f"batched {many}", f"batched {one}"), (f"batched {many}", shared))
            for number, (side, other) in enumerate(pairs):
                name = f"{case.name} on {case.backend}, {callers} callers: {side} over {other}"
                yield Measured(name, median_ratio(turns[side], turns[other]), None, note="" if number else describe(turns))


def cost_of_alternation(case: Case, rounds: int) -> Measured:
    """Return the CPU of a lone caller whose requests alternate between two sessions, over that of one session."""
    file = Path(case.options["path"])
    first, second = (raw_session(file / "1" / "model.onnx" if file.is_dir() else file) for _ in range(2))
    feed = {case.tensors[0]: case.rows[0], **case.more}
    calls = 1 + round(50 / cpu_microseconds(lambda: first.run(None, feed), 20) * 1000)
    one, both = (cycle([first]), cycle([first, second]))
    ratios = []
    for _ in range(rounds):
        alone = cpu_microseconds(lambda: next(one).run(None, feed), calls)
        ratios.append(cpu_microseconds(lambda: next(both).run(None, feed), calls) / alone)
    return Measured(f"{case.name}, CPU of two sessions in turn over one", statistics.median(ratios), None)


def take_turns(calls: Mapping[str, Call], load: Load, rounds: int, seconds: float) -> dict[str, list[Reading]]:
    """Return the turns of every side; they follow each other, and each round begins with another side."""
    turns: dict[str, list[Reading]] = {side: [] for side in calls}
    order = list(calls)
    for _ in range(rounds):
        for side in order:
            turns[side].append(rate_of_threads(calls[side], load, seconds))
        order.append(order.pop(0))
    for side, found in turns.items():
        rates = [turn.rate for turn in found]
        print(f"  {describe({side: found})}, {min(rates):.0f} to {max(rates):.0f}/s", flush=True)
    return turns


def median_ratio(turns: Sequence[Reading], others: Sequence[Reading]) -> float:
    """Return the median of the ratios of each round: the machine's speed changes between rounds."""
    return statistics.median(turn.rate / max(other.rate, 1e-9) for turn, other in zip(turns, others, strict=True))


def describe(turns: Mapping[str, Sequence[Reading]]) -> str:
    """Return the medians of each side in words."""
    texts = []
    for side, found in turns.items():
        rate, cpu = (
            statistics.median(values) for values in zip(*((turn.rate, turn.cpu_microseconds) for turn in found), strict=True)
        )
        texts.append(f"{side}: {rate:.0f}/s, {cpu / 1000:.2f} ms CPU")
    return "; ".join(texts)


def main() -> int:
    """Run every case and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--only", help="a part of 'MODEL on BACKEND'")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if CORES == 1:
        parser.error("one core: there is nothing to share; run it where this process has several")
    with tempfile.TemporaryDirectory() as folder:
        chosen = [case for case in cases(Path(folder)) if (given.only or "") in f"{case.name} on {case.backend}"]
        found = [one for case in chosen for one in measure(case, given.rounds, given.seconds)]
        found += [cost_of_alternation(case, 3 * given.rounds) for case in chosen if case.backend == "onnxruntime"]
    versions = {"onnxruntime": onnxruntime.__version__, "torch": torch.__version__, "python": platform.python_version()}
    return report(found, given.json, cores=CORES, versions=versions)


if __name__ == "__main__":
    raise SystemExit(main())
