"""The sides that ``triton_client.py`` compares, each in a process of its own: ``python triton_client_sides.py SIDE HTTP GRPC``.

Its other arguments are a model and the number of FP32 elements. A line on stdin is a number of calls to make; the answer is a
line with the wall seconds and the CPU seconds of this process, all of its threads included. A side is
``<client>:<callers>[:<options>]``. tritonclient's sides reuse their InferInput and InferRequestedOutput objects, and every call
reads its output as an array.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

Run = Callable[[int], None]


def same(got: np.ndarray, sent: np.ndarray) -> None:
    if not np.array_equal(got, sent):
        raise SystemExit("a response is not the request")


class Crowd:
    """Threads that wait for work, so that their start is not measured; each makes a call of its own from ``make``."""

    def __init__(self, make: Callable[[], Callable[[], object]], threads: int) -> None:
        self._threads = threads
        self._start, self._end, self._calls = threading.Barrier(threads + 1), threading.Barrier(threads + 1), 0
        for _ in range(threads):
            threading.Thread(target=self._work, args=(make,), daemon=True).start()

    def run(self, calls: int) -> None:
        self._calls = calls // self._threads
        self._start.wait()
        self._end.wait()

    def _work(self, make: Callable[[], Callable[[], object]]) -> None:
        call = make()
        while True:
            self._start.wait()
            for _ in range(self._calls):
                call()
            self._end.wait()


@contextlib.contextmanager
def threads(make: Callable[[], Callable[[], np.ndarray]], callers: int, sent: np.ndarray) -> Iterator[Run]:
    """Yield a run of calls from ``callers`` threads, or from this one."""
    same(make()(), sent)
    if callers > 1:
        yield Crowd(make, callers).run
        return
    call = make()

    def run(calls: int) -> None:
        for _ in range(calls):
            call()

    yield run


@contextlib.contextmanager
def tasks(call: Callable[[], object], callers: int, loop: asyncio.AbstractEventLoop) -> Iterator[Run]:
    """Yield a run of calls from ``callers`` tasks of one event loop."""

    async def work(calls: int) -> None:
        for _ in range(calls):
            await call()

    async def all_of_them(calls: int) -> None:
        await asyncio.gather(*(work(calls // callers) for _ in range(callers)))

    yield lambda calls: loop.run_until_complete(all_of_them(calls))


def tensors(module: object, model: str, array: np.ndarray) -> tuple[list, list]:
    tensor = module.InferInput("x", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array)
    return [tensor], [module.InferRequestedOutput("y")]


@contextlib.contextmanager
def tritonclient_sync(module: object, url: str, model: str, array: np.ndarray, callers: int) -> Iterator[Run]:
    """One client for all threads where it is safe, gRPC's, else one a thread."""
    one = module.InferenceServerClient(url)
    shared = module.__name__.endswith(".grpc")

    def make() -> Callable[[], np.ndarray]:
        client = one if shared else module.InferenceServerClient(url)
        inputs, outputs = tensors(module, model, array)
        return lambda: client.infer(model, inputs, outputs=outputs).as_numpy("y")

    with threads(make, callers, array) as run:
        yield run


@contextlib.contextmanager
def tritonclient_grpc_async(module: object, url: str, model: str, array: np.ndarray, callers: int) -> Iterator[Run]:
    """tritonclient's callbacks: ``async_infer``, ``callers`` in flight."""
    client = module.InferenceServerClient(url)
    inputs, outputs = tensors(module, model, array)
    free = threading.Semaphore(callers)

    def done(result: object, error: object) -> None:
        if error is not None:
            raise SystemExit(str(error))
        result.as_numpy("y")
        free.release()

    def run(calls: int) -> None:
        for _ in range(calls):
            free.acquire()
            client.async_infer(model, inputs, callback=done, outputs=outputs)
        for _ in range(callers):
            free.acquire()
        free.release(callers)

    yield run


@contextlib.contextmanager
def tritonclient_aio(module: object, url: str, model: str, array: np.ndarray, callers: int) -> Iterator[Run]:
    """One aio client in one event loop."""
    loop = asyncio.new_event_loop()

    async def opened() -> object:
        # Its session has aiohttp's default of 100 connections.
        return module.InferenceServerClient(url)

    client = loop.run_until_complete(opened())
    inputs, outputs = tensors(module, model, array)

    async def call() -> np.ndarray:
        return (await client.infer(model, inputs, outputs=outputs)).as_numpy("y")

    same(loop.run_until_complete(call()), array)
    with tasks(call, callers, loop) as run:
        yield run
    loop.run_until_complete(client.close())


@contextlib.contextmanager
def tritonclient_shared_memory(module: object, url: str, model: str, array: np.ndarray) -> Iterator[Run]:
    """tritonclient's own shared memory, with regions that are created and registered beforehand."""
    from tritonclient.utils import shared_memory

    client = module.InferenceServerClient(url)
    regions = [shared_memory.create_shared_memory_region(name, f"/bench_{name}", array.nbytes) for name in ("x", "y")]
    for name in ("x", "y"):
        client.register_system_shared_memory(name, f"/bench_{name}", array.nbytes)
    tensor, output = module.InferInput("x", list(array.shape), "FP32"), module.InferRequestedOutput("y")
    tensor.set_shared_memory("x", array.nbytes)
    output.set_shared_memory("y", array.nbytes)

    def call() -> np.ndarray:
        shared_memory.set_shared_memory_region(regions[0], [array])
        client.infer(model, [tensor], outputs=[output])
        return shared_memory.get_contents_as_numpy(regions[1], np.float32, list(array.shape)).copy()

    try:
        with threads(lambda: call, 1, array) as run:
            yield run
    finally:
        client.unregister_system_shared_memory()
        for region in regions:
            shared_memory.destroy_shared_memory_region(region)


@contextlib.contextmanager
def turnout_side(url: str, model: str, array: np.ndarray, callers: int, options: dict) -> Iterator[Run]:
    """An app on the server, through every middleware, as a user's."""
    import turnout
    from turnout.metrics import Metrics

    is_async = options.pop("async", False)
    options = {"url": url, "shared_memory": "auto", **options}
    settings = {"models": {model: {"backend": "triton", "backends": {"triton": options}}}}
    with turnout.open(settings, metrics=Metrics()) as app:
        opened = app.model(model)
        for _ in range(2):  # the first shows the size of the output
            same(opened.infer({"x": array})["y"], array)
        if not is_async:
            with threads(lambda: lambda: opened.infer({"x": array})["y"], callers, array) as run:
                yield run
            return

        async def call() -> np.ndarray:
            return (await opened.ainfer({"x": array}))["y"]

        with tasks(call, callers, asyncio.new_event_loop()) as run:
            yield run


def side(name: str, http: str, grpc: str, model: str, array: np.ndarray) -> contextlib.AbstractContextManager[Run]:
    """Return the side called ``name``: the client, the callers, options in JSON."""
    client, callers, options = (*name.split(":", 2), "{}")[:3]
    number = int(callers)
    if client.startswith("turnout"):
        url = grpc if client == "turnout.grpc" else f"http://{http}"
        return turnout_side(url, model, array, number, json.loads(options))
    import importlib

    protocol = "http" if ".http" in client else "grpc"
    module = importlib.import_module(f"tritonclient.{protocol}{'.aio' if client.endswith('.aio') else ''}")
    url = http if protocol == "http" else grpc
    if client.endswith(".aio"):
        return tritonclient_aio(module, url, model, array, number)
    if client.endswith(".async_infer"):
        return tritonclient_grpc_async(module, url, model, array, number)
    if client.endswith(".shared_memory"):
        return tritonclient_shared_memory(module, url, model, array)
    return tritonclient_sync(module, url, model, array, number)


def main(name: str, http: str, grpc: str, model: str, elements: str) -> None:
    array = np.random.default_rng(7).standard_normal(int(elements)).astype(np.float32)
    if model == "batched":
        array = array.reshape(1, -1)
    with side(name, http, grpc, model, array) as run:
        run(8 if array.nbytes > 1_000_000 else 64)
        print("ready", flush=True)
        for line in sys.stdin:
            wall, cpu = time.perf_counter(), time.process_time()
            run(int(line))
            print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
