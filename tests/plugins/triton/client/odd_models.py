"""Python models that behave as real ones sometimes do: outputs that grow, waits, failures, streams, full queues."""

from __future__ import annotations

from pathlib import Path

from tests.plugins.triton.conftest import config_tensors, write_python

GROWS = """
import numpy as np
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        def answer(request):
            length = int(utils.get_input_tensor_by_name(request, "length").as_numpy()[0])
            x = utils.get_input_tensor_by_name(request, "x").as_numpy()
            return utils.InferenceResponse([utils.Tensor("y", np.resize(x, length))])
        return [answer(request) for request in requests]
"""
WAITS = """
import time
import numpy as np
import triton_python_backend_utils as utils

class TritonPythonModel:
    def initialize(self, args):
        self.cancelled = 0

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        end = time.monotonic() + float(utils.get_input_tensor_by_name(request, "seconds").as_numpy()[0])
        while time.monotonic() < end:
            if request.is_cancelled():
                self.cancelled += 1
                return utils.InferenceResponse(error=utils.TritonError("cancelled", utils.TritonError.CANCELLED))
            time.sleep(0.005)
        x = utils.get_input_tensor_by_name(request, "x").as_numpy()
        return utils.InferenceResponse([utils.Tensor("y", x), utils.Tensor("cancelled", np.array([self.cancelled], np.int32))])
"""
FAILS = """
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(utils.get_input_tensor_by_name(request, "x").as_numpy()) for request in requests]

    def answer(self, x):
        if x[0] == 1:
            return utils.InferenceResponse(error=utils.TritonError("the valve is stuck:\\n turn it"))
        if x[0] == 2:
            raise ValueError("the pump\\nis dry")
        return utils.InferenceResponse([utils.Tensor("y", x)])
"""
SAYS = """
import json
import numpy as np
import triton_python_backend_utils as utils

class TritonPythonModel:
    def initialize(self, args):
        self.version = args["model_version"]

    def execute(self, requests):
        return [utils.InferenceResponse([utils.Tensor("said", self.said(request))]) for request in requests]

    def said(self, request):
        said = {"version": self.version, "id": request.request_id(), "parameters": json.loads(request.parameters())}
        return np.array([json.dumps(said).encode()], dtype=object)
"""
# Takes the given seconds, and returns the number of the request in the order of execution.
RANKS = """
import time
import numpy as np
import triton_python_backend_utils as utils

class TritonPythonModel:
    def initialize(self, args):
        self.executed = 0

    def execute(self, requests):
        return [self.answer(utils.get_input_tensor_by_name(request, "seconds").as_numpy()) for request in requests]

    def answer(self, seconds):
        time.sleep(float(seconds.max()))
        self.executed += 1
        return utils.InferenceResponse([utils.Tensor("place", np.full(seconds.shape, self.executed, np.int32))])
"""
# Sends count responses, with a pause before each; stops when it is cancelled; fails after the last if fails is set.
STREAMS = """
import time
import numpy as np
import triton_python_backend_utils as utils

class TritonPythonModel:
    def initialize(self, args):
        self.stopped = 0

    def execute(self, requests):
        for request in requests:
            self.answer(request, request.get_response_sender())

    def answer(self, request, sender):
        count, fails = (int(utils.get_input_tensor_by_name(request, name).as_numpy()[0]) for name in ("count", "fails"))
        pause = float(utils.get_input_tensor_by_name(request, "pause").as_numpy()[0])
        for number in range(count):
            time.sleep(pause)
            if sender.is_cancelled():
                self.stopped += 1
                break
            counts = {"number": number, "stopped": self.stopped}
            tensors = [utils.Tensor(name, np.array([count], np.int32)) for name, count in counts.items()]
            sender.send(utils.InferenceResponse(tensors))
        if fails:
            sender.send(utils.InferenceResponse(error=utils.TritonError("the belt broke")))
        sender.send(flags=utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""
ECHO = """
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        return [utils.InferenceResponse([utils.Tensor("y", request.inputs()[0].as_numpy())]) for request in requests]
"""
QUEUE = "max_batch_size: 1\ndynamic_batching {{ {} }}\n"
X, Y = {"x": ("FP32", [-1])}, {"y": ("FP32", [-1])}
PLACE = {"place": ("INT32", [1])}
SECONDS = {"seconds": ("FP32", [1])}


def tensors(inputs: dict[str, tuple[str, list[int]]], outputs: dict[str, tuple[str, list[int]]], extra: str = "") -> str:
    return config_tensors("input", inputs, extra) + config_tensors("output", outputs, extra)


def write_odd_models(repository: Path) -> None:
    """Write all of them.

    ``grows``: x FP32 [-1], length INT32 [1] -> y, x repeated to that length. ``waits``: x, seconds FP32 [1] -> y, which is x,
    and cancelled, the number of requests cancelled so far. ``fails``: x -> y; 1 answers an error, 2 raises one. ``says`` in
    versions 1 and 2: x -> said BYTES [1], version, id and parameters. ``full``, ``hasty`` and ``ranked``: seconds [-1, 1] ->
    place, with one place in the queue, 50 ms there at most, and two priorities. ``streams``: decoupled, count, fails INT32
    [1], pause FP32 [1] -> number, stopped. ``scalars``: x FP32 [-1], a scalar a row -> y.
    """
    write_python(repository, "grows", GROWS, tensors({**X, "length": ("INT32", [1])}, Y))
    write_python(repository, "waits", WAITS, tensors({**X, **SECONDS}, {**Y, "cancelled": ("INT32", [1])}))
    write_python(repository, "fails", FAILS, tensors(X, Y))
    write_python(repository, "says", SAYS, "version_policy { all { } }\n" + tensors(X, {"said": ("BYTES", [1])}))
    second = repository / "says" / "2"
    second.mkdir()
    (second / "model.py").write_text(SAYS)
    policies = {
        "full": "default_queue_policy { max_queue_size: 1 }",
        "hasty": "default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 50000 }",
        "ranked": "priority_levels: 2 default_priority_level: 2",
    }
    for name, policy in policies.items():
        write_python(repository, name, RANKS, QUEUE.format(policy) + tensors(SECONDS, PLACE))
    streamed = {"count": ("INT32", [1]), "fails": ("INT32", [1]), "pause": ("FP32", [1])}
    numbers = {"number": ("INT32", [1]), "stopped": ("INT32", [1])}
    write_python(repository, "streams", STREAMS, "model_transaction_policy { decoupled: true }\n" + tensors(streamed, numbers))
    write_scalars(repository)


def write_scalars(repository: Path) -> None:
    """``scalars``: x FP32 [-1], a scalar a row -> y, which is x."""
    scalar = {"x": ("FP32", [1])}, {"y": ("FP32", [1])}
    write_python(repository, "scalars", ECHO, "max_batch_size: 8\n" + tensors(*scalar, "reshape: { shape: [] }"))
