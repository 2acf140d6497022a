"""Three replicas of a real server, one of which is stopped: requests lost, rate and latencies before and meanwhile.

    python benchmarks/replicas.py            # over gRPC, in the environment .venvs/triton
    python benchmarks/replicas.py http

Eight callers send requests one after the other, each with a deadline of 0.5 s. SIGSTOP leaves the server's connections open.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.plugins.triton.conftest import AT_ONCE, write_identity

from turnout import InferenceRequest, ModelDeclaration, ModelInference
from turnout.errors import TurnoutError
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.server import LocalServer

CALLERS, SECONDS, DEADLINE_SECONDS = 8, 10.0, 0.5


def offer_load(model: ModelInference, seconds: float = SECONDS) -> tuple[list[float], int]:
    """Return the seconds of each request, and how many failed."""
    x, end = np.ones((1, 4), np.float32), time.monotonic() + seconds
    took: list[float] = []
    lost: list[None] = []

    def call() -> None:
        while (start := time.monotonic()) < end:
            try:
                model.infer(InferenceRequest({"x": x}, start + DEADLINE_SECONDS))
            except TurnoutError:
                lost.append(None)
            took.append(time.monotonic() - start)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sorted(took), len(lost)


def report(name: str, took: list[float], lost: int) -> None:
    middle, late = (1000 * took[int(share * (len(took) - 1))] for share in (0.5, 0.99))
    print(
        f"  {name:22} {len(took) / SECONDS:6.0f} requests a second, {lost} lost ({lost / len(took):.2%}), "
        f"p50 {middle:.1f} ms, p99 {late:.1f} ms, longest {1000 * took[-1]:.0f} ms"
    )


def main() -> None:
    protocol = sys.argv[1] if len(sys.argv) > 1 else "grpc"
    with contextlib.ExitStack() as stack:
        repository = Path(stack.enter_context(TemporaryDirectory()))
        write_identity(repository)
        servers = [stack.enter_context(LocalServer(repository, AT_ONCE)) for _ in range(3)]
        urls = tuple(f"{protocol}://{server.grpc_url if protocol == 'grpc' else server.http_url}" for server in servers)
        options = TritonOptions(url=urls, shared_memory="off")
        model = stack.enter_context(contextlib.closing(open_model(ModelDeclaration("identity"), options)))
        offer_load(model, 1)
        print(f"three replicas over {protocol}, {CALLERS} callers, deadline {DEADLINE_SECONDS} s:")
        report("all answer", *offer_load(model))
        servers[1].pause()
        report("one is stopped", *offer_load(model))
        servers[1].resume()
        time.sleep(2)
        report("it goes on", *offer_load(model))


if __name__ == "__main__":
    main()
