"""Memory, descriptors and threads after many calls of each backend, and after many opens and closes of an app.

A case runs in a process of its own. It warms up for a tenth of its calls; then resident memory is sampled 100 times. The
growth is the larger of two figures that a single odd sample cannot change: the median of all slopes between two samples, over
all calls, and the median of the last tenth above that of the first. ``--sabotage`` loses 1 kB at each call: the verdict must
find it.

    python benchmarks/leaks.py                                    # every case, in the environment .venvs/direct
    python benchmarks/leaks.py onnxruntime grpc
    python benchmarks/leaks.py onnxruntime --calls 20000 --sabotage
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from bars import Measured, report
from tests.hostile.soak.figures import Figures
from tests.hostile.soak.stage import MODULE
from tests.plugins.triton.conftest import AT_ONCE, write_identity

import turnout
from turnout_triton.server import LocalServer

CALLS, OPENS, SAMPLES = 200_000, 5_000, 100
CALLS_BAR, OPENS_BAR = 10.0, 5.0
SMALL, LARGE = np.ones((1, 16), np.float32), np.ones((1, 16_384), np.float32)
SHAPES = {"inputs": {"x": "FP32[-1]"}, "outputs": {"y": "FP32[-1]"}, "max_batch_size": 8}
LEAKED: list[bytes] = []

Call = Callable[[], object]


def leaking(call: Call) -> Call:
    """Return ``call`` with a loss of 1 kB, as a bug would have it."""

    def leak() -> object:
        LEAKED.append(bytes(1000))
        return call()

    return leak


def growth(megabytes: list[float]) -> float:
    """Return by how much equally spaced samples have grown, whatever single samples say."""
    count = len(megabytes)
    slopes = [(megabytes[b] - megabytes[a]) / (b - a) for a, b in combinations(range(count), 2)]
    tenth = max(1, count // 10)
    ends = statistics.median(megabytes[-tenth:]) - statistics.median(megabytes[:tenth])
    return max(statistics.median(slopes) * (count - 1), ends)


def sampled(call: Call, calls: int) -> list[Figures]:
    """Return samples of this process during ``calls`` calls, after a warm-up."""
    start, samples = time.monotonic(), []
    for _ in range(calls // 10):
        call()
    for _ in range(SAMPLES):
        for _ in range(calls // SAMPLES):
            call()
        gc.collect()
        samples.append(Figures.sample(start))
    return samples


def settings_of(backend: str, options: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a turnout.yaml of one model ``m``."""
    return {"models": {"m": {"backend": backend, "backends": {backend: options}, **SHAPES, **more}}}


def in_process(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the settings of the cases without a server."""
    onnx = {"path": str(folder / "model_repository" / "identity"), "intra_op_num_threads": 1}
    torch = {"loader": "factory", "factory": "leaky:Copies", "threads": 1}
    return {
        "direct": settings_of("direct", torch),
        "onnxruntime": settings_of("onnxruntime", onnx),
        "batched": settings_of("onnxruntime", onnx, dynamic_batching={}),
        "asyncio": settings_of("onnxruntime", onnx),
    }


def on_server(server: LocalServer) -> dict[str, dict[str, Any]]:
    """Return the settings of the cases with a server."""
    grpc, http = f"grpc://{server.grpc_url}", f"http://{server.http_url}"
    shared = {"shared_memory": "auto", "shared_memory_threshold_bytes": 32_768}
    return {
        "grpc": settings_of("triton", {"url": grpc, "model": "identity", "shared_memory": "off"}),
        "http": settings_of("triton", {"url": http, "model": "identity", "shared_memory": "off"}),
        "shared-memory": settings_of("triton", {"url": grpc, "model": "identity", **shared}),
    }


CASES = ("direct", "onnxruntime", "batched", "asyncio", "grpc", "http", "shared-memory", "opens", "opens-grpc")


@contextlib.contextmanager
def stage(case: str) -> Iterator[dict[str, Any]]:
    """Yield the settings of a case, with its server running."""
    with tempfile.TemporaryDirectory(prefix="leaks-") as name:
        folder = Path(name)
        repository = folder / "model_repository"
        write_identity(repository)
        (folder / "leaky.py").write_text(MODULE)
        sys.path.append(name)  # for the module of the case direct
        local, wanted = in_process(folder), case.removeprefix("opens-").replace("opens", "onnxruntime")
        if wanted in local:
            yield local[wanted]
        else:
            with LocalServer(repository, AT_ONCE) as server:
                yield on_server(server)[wanted]


@contextlib.contextmanager
def calling(case: str, settings: dict[str, Any]) -> Iterator[Call]:
    """Yield the call that a case repeats."""
    inputs = {"x": LARGE if case == "shared-memory" else SMALL}

    def open_and_close() -> None:
        with turnout.open(settings) as app:
            app.model("m").infer(inputs)

    if case.startswith("opens"):
        yield open_and_close
        return
    with turnout.open(settings) as app, asyncio.Runner() as runner:
        model = app.model("m")
        assert np.array_equal(model.infer(inputs)["y"], inputs["x"])
        yield (lambda: runner.run(model.ainfer(inputs))) if case == "asyncio" else (lambda: model.infer(inputs))


def measured(case: str, calls: int, samples: list[Figures]) -> list[Measured]:
    """Return the figures of a case with their bars."""
    opens = case.startswith("opens")
    megabytes = [sample.megabytes for sample in samples]
    name = f"{case}: {calls:,} {'opens and closes' if opens else 'calls'}"
    note = f"{megabytes[0]:.1f} to {megabytes[-1]:.1f} MB in {samples[-1].seconds:.0f} s"
    found = [Measured(f"{name}, memory", growth(megabytes), OPENS_BAR if opens else CALLS_BAR, "lower", unit="MB", note=note)]
    for kind in ("descriptors", "threads", "regions"):
        values = [getattr(sample, kind) for sample in samples]
        more = statistics.median(values[-10:]) - statistics.median(values[:10])
        found.append(Measured(f"{name}, {kind}", more, 0.0, "lower", unit="", note=f"{values[0]} to {values[-1]}"))
    return found


def run(case: str, calls: int, *, sabotage: bool) -> int:
    """Run one case in this process; return its exit code."""
    with stage(case) as settings, calling(case, settings) as call:
        return report(measured(case, calls, sampled(leaking(call) if sabotage else call, calls)))


def main() -> int:
    arguments = _arguments()
    cases = arguments.cases or CASES
    if len(cases) == 1:
        calls = arguments.calls or (OPENS if cases[0].startswith("opens") else CALLS)
        return run(cases[0], calls, sabotage=arguments.sabotage)
    options = [*(["--calls", str(arguments.calls)] if arguments.calls else []), *(["--sabotage"] * arguments.sabotage)]
    # A process each: what one case holds must not hide what another loses.
    codes = [subprocess.run([sys.executable, __file__, case, *options], check=False).returncode for case in cases]
    return 1 if any(codes) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], metavar="CASE", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--calls", type=int, help=f"calls of a case; {CALLS:,}, and {OPENS:,} opens, by default")
    parser.add_argument("--sabotage", action="store_true", help="plant a leak of 1 kB a call")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
