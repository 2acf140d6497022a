"""Good callers beside one bad caller: they are answered, by the backend that they asked, and a dead backend is still found."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper, numpy_helper
from tests.hostile.case import Trial
from tests.plugins.triton.conftest import AT_ONCE, config_tensors, save_onnx, write_python

import turnout
from turnout import Model
from turnout.errors import CircuitOpenError, TurnoutError
from turnout_triton.server import LocalServer

Ask = Callable[[Model], Any]
# Most requests are bad, so a breaker that counts them all has more than enough.
GOOD_CALLERS, BAD_CALLERS = 3, 6
OWN_ANSWER = 2.0
LATE_SECONDS = 0.3
TIMEOUT_SECONDS, OPENS_WITHIN_SECONDS = 10.0, 15.0
TABLE = np.arange(1, 5, dtype=np.float32)
# Backends whose table starts at 1,000 are those that the good callers did not ask.
OTHER = 1000

# Two instances: a late request keeps one of them busy.
FRAIL = """
import time
import numpy as np
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        def given(name):
            return utils.get_input_tensor_by_name(request, name).as_numpy()

        index, scale, text, seconds = map(given, ("index", "scale", "text", "seconds"))
        [part.decode() for part in text.ravel()]
        if np.isnan(scale).any():
            raise ValueError("the scale is no number")
        if (index < -4).any():
            raise RuntimeError("the valve is stuck")
        time.sleep(float(seconds[0]))
        table = np.arange(1, 5, dtype=np.float32)
        return utils.InferenceResponse([utils.Tensor("value", table[index] * scale)])
"""
MODULE = """
import torch

class Frail(torch.nn.Module):
    def forward(self, index, scale):
        if torch.isnan(scale).any():
            raise ValueError("the scale is no number")
        return {"value": torch.arange(1.0, 5.0)[index] * scale}
"""
INDEX, SCALE = {"index": ("INT64", [-1])}, {"scale": ("FP32", [-1])}
VALUE = {"value": ("FP32", [-1])}
SMALL = {"inputs": {"index": "INT64[-1]", "scale": "FP32[-1]"}, "outputs": {"value": "FP32[-1]"}}
ALL = {**INDEX, **SCALE, "text": ("BYTES", [-1]), "seconds": ("FP32", [1])}


def inputs(**changed: Any) -> dict[str, Any]:
    """Return a good request of the large model, with changes."""
    text, seconds = np.array([b"good"], object), np.zeros(1, np.float32)
    return {"index": np.array([1, 2]), "scale": np.ones(2, np.float32), "text": text, "seconds": seconds, **changed}


def small(**changed: Any) -> dict[str, Any]:
    """Return the same for a model without text and seconds."""
    return {name: value for name, value in inputs(**changed).items() if name in ("index", "scale")}


OUT_OF_RANGE = {"index": np.array([1, 77])}
NAN = {"scale": np.array([1, np.nan], np.float32)}
BAD: Mapping[str, Mapping[str, Any]] = {
    "index": OUT_OF_RANGE,
    "text": {"text": np.array([b"\xff\xfe"], object)},
    "nan": NAN,
    "raises": {"index": np.array([-100, 1])},
    "late": {"seconds": np.array([LATE_SECONDS], np.float32)},
    "lengths": {"index": np.array([1, 2, 3])},
    "shape": {"scale": np.ones((2, 2), np.float32)},
    "datatype": {"scale": np.ones(2)},
    "empty": {"index": np.array([], np.int64)},
    "huge": {"index": np.full(2_000_000, 77)},
}


def write_repository(folder: Path) -> Path:
    """Write the model ``frail``, which fails on many values."""
    config = config_tensors("input", ALL) + config_tensors("output", VALUE) + "instance_group [ { count: 2 kind: KIND_CPU } ]\n"
    write_python(folder / "repository", "frail", FRAIL, config)
    return folder / "repository"


def write_gather(folder: Path, first: int) -> str:
    """Write an ONNX model of index and scale, whose table starts at ``first``; return its path."""
    table = numpy_helper.from_array(np.arange(first, first + 4, dtype=np.float32), "table")
    nodes = [helper.make_node("Gather", ["table", "index"], ["raw"]), helper.make_node("Mul", ["raw", "scale"], ["value"])]
    unused = {} if first == 1 else {"text": ("BYTES", [-1]), "seconds": ("FP32", [1])}
    file = folder / f"gather_{first}" / "model.onnx"
    save_onnx(file, nodes, {**INDEX, **SCALE, **unused}, VALUE, [table])
    return str(file)


@dataclass(frozen=True, slots=True)
class Beside:
    """Callers of one model, most of which send ``bad`` requests.

    ``arms`` writes the files of the backends and returns the settings of the model and a function that ends its backend, None
    for one in this process.
    """

    name: str
    arms: Callable[[Path, contextlib.ExitStack], tuple[dict[str, Any], Callable[[], object] | None]]
    bad: tuple[str, ...]
    good: Callable[..., dict[str, Any]] = inputs
    seconds: float = 1.0
    least_own_share: float = 0.99
    slow: bool = False

    def problems(self, folder: Path) -> list[str]:
        with contextlib.ExitStack() as stack:
            settings, end = self.arms(folder, stack)
            file = folder / "turnout.yaml"
            file.write_text(json.dumps({"models": {"frail": settings}}))
            model = stack.enter_context(turnout.open(file)).model("frail")
            model.infer(self.good(), timeout_seconds=60)  # it opens the model, which may import torch
            found = [problem for kind in self.bad for problem in self._beside(model, kind)]
            return found if end is None else found + self._after(model, end)

    def _ask(self, model: Model) -> float:
        """Return the first number of the answer to a good request: 2, or 1,001 from another backend."""
        return float(model.infer(self.good(), timeout_seconds=TIMEOUT_SECONDS)["value"][0])

    def _beside(self, model: Model, kind: str) -> Iterator[str]:
        answers, failures, bad_errors, rescued = [], [], [], []
        stop = threading.Event()

        late = kind == "late"

        def repeat(call: Callable[[], object], pause_seconds: float, errors: list[TurnoutError]) -> None:
            while not stop.wait(pause_seconds):
                try:
                    call()
                except TurnoutError as error:
                    errors.append(error)

        def bad() -> None:
            answer = model.infer(self.good(**BAD[kind]), timeout_seconds=0.02 if late else TIMEOUT_SECONDS)
            # A fallback answers a late request.
            rescued.extend(value for value in answer["value"][:1].tolist() if value != OWN_ANSWER)

        def good() -> None:
            answers.append(self._ask(model))

        callers = [threading.Thread(target=repeat, args=(good, 0.005, failures)) for _ in range(GOOD_CALLERS)]
        # More late requests than one of the two instances can serve would be an overload, which is another thing.
        paced = (bad, LATE_SECONDS + 0.1 if late else 0.001, bad_errors)
        callers += [threading.Thread(target=repeat, args=paced) for _ in range(1 if late else BAD_CALLERS)]
        for caller in callers:
            caller.start()
        time.sleep(self.seconds)
        stop.set()
        for caller in callers:
            caller.join(60)
        yield from self._judge(kind, answers, failures, [*bad_errors, *rescued])

    def _judge(self, kind: str, answers: list[float], failures: list[TurnoutError], bad: list[object]) -> Iterator[str]:
        asked, own = len(answers) + len(failures), answers.count(OWN_ANSWER)
        if len(failures) > 0.01 * asked:
            yield f"beside {kind}: {len(failures)} of {asked} good requests failed, such as {failures[0]}"
        if own < self.least_own_share * len(answers):
            yield f"beside {kind}: {own} of {len(answers)} answers are from the backend that was asked"
        if not answers or not bad:
            yield f"beside {kind}: {len(answers)} answers and {len(bad)} bad requests prove nothing"

    def _after(self, model: Model, end: Callable[[], object]) -> list[str]:
        """End the backend: its circuit must open, or a fallback answer, in bounded time."""
        end()
        until = time.monotonic() + OPENS_WITHIN_SECONDS
        while time.monotonic() < until:
            try:
                if self._ask_within(model) > OTHER:
                    return []
            except CircuitOpenError:
                return []
            except TurnoutError:
                time.sleep(0.01)
        return [f"{OPENS_WITHIN_SECONDS:g} s after the backend's end the circuit is closed"]

    def _ask_within(self, model: Model) -> float:
        return float(model.infer(self.good(), timeout_seconds=1)["value"][0])


def _servers(folder: Path, stack: contextlib.ExitStack, protocol: str, count: int) -> tuple[dict[str, Any], Callable[[], None]]:
    repository = write_repository(folder)
    servers = [stack.enter_context(LocalServer(repository, AT_ONCE)) for _ in range(count)]
    urls = [f"{protocol}://{server.grpc_url if protocol == 'grpc' else server.http_url}" for server in servers]

    def end() -> None:
        for server in servers:
            server.kill()

    return {"url": urls}, end


def triton(
    folder: Path, stack: contextlib.ExitStack, protocol: str, count: int = 1
) -> tuple[dict[str, Any], Callable[[], None]]:
    """Return a model on ``count`` servers."""
    options, end = _servers(folder, stack, protocol, count)
    return {"backend": "triton", "backends": {"triton": options}}, end


def with_fallback(folder: Path, stack: contextlib.ExitStack) -> tuple[dict[str, Any], Callable[[], None]]:
    """Return a model on a server with a fallback, whose answers differ."""
    options, end = _servers(folder, stack, "grpc", 1)
    backends = {"triton": options, "onnxruntime": {"path": write_gather(folder, OTHER)}}
    return {"backend": "triton", "backends": backends, "fallback": "onnxruntime"}, end


def with_canary(folder: Path, stack: contextlib.ExitStack) -> tuple[dict[str, Any], None]:
    """Return a model in this process with a server as its canary for half of the requests."""
    options, _ = _servers(folder, stack, "grpc", 1)
    backends = {"triton": options, "onnxruntime": {"path": write_gather(folder, OTHER)}}
    return {"backend": "onnxruntime", "backends": backends, "canary": {"backend": "triton", "weight": 0.5}}, None


def with_shadow(folder: Path, stack: contextlib.ExitStack) -> tuple[dict[str, Any], Callable[[], None]]:
    """Return a model on a server that is compared with one in this process."""
    options, end = _servers(folder, stack, "grpc", 1)
    backends = {"triton": options, "onnxruntime": {"path": write_gather(folder, OTHER)}}
    return {"backend": "triton", "backends": backends, "shadow": {"backend": "onnxruntime", "fraction": 1.0}}, end


def onnxruntime(folder: Path, _: contextlib.ExitStack) -> tuple[dict[str, Any], None]:
    """Return a model on ONNX Runtime in this process."""
    return {"backend": "onnxruntime", "backends": {"onnxruntime": {"path": write_gather(folder, 1)}}}, None


def direct(folder: Path, _: contextlib.ExitStack) -> tuple[dict[str, Any], None]:
    """Return a model on torch in this process."""
    (folder / "frail_module.py").write_text(MODULE)
    options = {"loader": "factory", "factory": "frail_module:Frail", "threads": 1}
    return {"backend": "direct", "backends": {"direct": options}, **SMALL}, None


LOCAL_BAD = ("index", "nan", "lengths", "shape", "datatype", "huge")


def cases() -> Iterator[Trial]:
    """Yield the trials: of each kind one with a few bad requests for the fast tenth, and all."""
    every = tuple(BAD)
    yield Beside("neighbours/triton/0-some", partial(triton, protocol="grpc"), ("index", "late"), seconds=0.7)
    for protocol in ("grpc", "http"):
        yield Beside(f"neighbours/triton/{protocol}-1-all", partial(triton, protocol=protocol), every, seconds=3, slow=True)
        yield Beside(
            f"neighbours/replicas/{protocol}-1-all", partial(triton, protocol=protocol, count=3), every, seconds=3, slow=True
        )
    for name, arms, share in (("fallback", with_fallback, 0.99), ("canary", with_canary, 0.3), ("shadow", with_shadow, 0.99)):
        yield Beside(f"neighbours/arms/{name}-all", arms, every, seconds=2, least_own_share=share, slow=True)
    yield Beside("neighbours/local/onnxruntime", onnxruntime, tuple(k for k in LOCAL_BAD if k != "nan"), small, 0.5)
    yield Beside("neighbours/local/direct", direct, LOCAL_BAD, small, 0.5, slow=True)
