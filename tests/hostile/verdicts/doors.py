"""The doors to one model: torch, ONNX Runtime and a careless backend here, Triton over gRPC, HTTP and shared memory, and arms.

The model returns its input ``x``, of each datatype and [-1, 3], as ``y``, in batches up to 4.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import onnx
from onnx import helper
from tests.onnx_types import ONNX_TYPES

import turnout
from turnout import (
    Backend,
    InferenceRequest,
    InferenceResponse,
    ModelDeclaration,
    ModelInference,
    ModelSignature,
    PipelineContext,
    PipelineStep,
    Step,
    TensorSpec,
    hookimpl,
)
from turnout.errors import BackendUnavailableError
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.tensors import BYTES, DTYPES

BACKENDS = ("direct", "onnxruntime", "careless", "grpc", "http", "shared_memory")
ARMS: dict[str, dict[str, Any]] = {
    "fallback": {"backend": "careless", "fallback": "onnxruntime"},
    "canary": {"backend": "onnxruntime", "canary": {"backend": "triton", "weight": 0.5}},
    "shadow": {"backend": "onnxruntime", "shadow": {"backend": "triton", "fraction": 1.0}},
}
DOORS = (*BACKENDS, *ARMS)
WAYS = ("infer", "request", "ainfer", "infer_stream", "pipeline")
LARGEST_BATCH = 4

FACTORY = """
import torch

class Echo(torch.nn.Module):
    def forward(self, x):
        return {"y": x.clone()}
"""


class CarelessOptions(turnout.Options):
    """Options of the careless backend.

    Attributes:
        datatype: the datatype of its input and output.
        down: True if it is unavailable.
        trap: True if it refuses what nobody else refuses.
    """

    datatype: str
    down: bool = False
    trap: bool = False


class Careless(ModelInference):
    """Answers with its input, whatever that is: a backend of somebody else that checks nothing."""

    def __init__(self, options: CarelessOptions) -> None:
        self._options = options

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self._options.down:
            raise BackendUnavailableError("the careless backend is down")
        if self._options.trap and request.inputs["x"].shape[0] == 1:
            raise turnout.errors.InferenceError("one row is too few for the trap")
        return InferenceResponse({"y": request.inputs["x"].copy()}, request.id)

    def signature(self) -> ModelSignature:
        specs = [TensorSpec(name, self._options.datatype, (-1, 3)) for name in "xy"]
        return ModelSignature(*((spec,) for spec in specs), text_only=True)


def _open_careless(model: ModelDeclaration, options: CarelessOptions) -> ModelInference:
    return Careless(options)


@hookimpl
def turnout_backends() -> Iterable[Backend[Any]]:
    """Yield ``careless``."""
    yield Backend("careless", _open_careless, CarelessOptions)


class SendsOptions(turnout.Options):
    """Options of the step.

    Attributes:
        model: the name of the model that it calls.
    """

    model: str


class Sends(PipelineStep):
    """Sends ``given`` as it is."""

    inputs = ("given",)
    provides = ("answer",)

    def __init__(self, model: str) -> None:
        self.model = model

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        return [context["given"]()]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context["answer"] = responses[0]


@hookimpl
def turnout_steps() -> Iterable[Step]:
    """Yield ``sends``."""
    yield Step("sends", lambda declaration, options: Sends(options.model), SendsOptions)


FEW = ("BOOL", "FP32", BYTES)
"""Datatypes of each kind of check; a server of three models starts within seconds."""
REST = tuple(datatype for datatype in DTYPES if datatype not in FEW)


@cache
def every_door(datatypes: tuple[str, ...], *, trap: bool = False) -> turnout.Turnout:
    """Return an app with the models ``FP32_grpc``, ``plain_FP32_grpc`` and so on; the plain ones declare nothing.

    It and its server end with this process. With ``trap`` the careless backend decides otherwise than all the others.
    """
    from turnout_triton.server import LocalServer, ServerOptions

    folder = Path(mkdtemp(prefix="turnout-verdicts-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    for datatype in datatypes:
        write_echo(folder / "repository", datatype)
    (folder / "echo_module.py").write_text(FACTORY)
    server = LocalServer(folder / "repository", ServerOptions(grace_seconds=0))
    server.start()
    atexit.register(server.close)
    models = {}
    for datatype in datatypes:
        shape = f"{datatype}[3]"
        declared = {"inputs": {"x": shape}, "outputs": {"y": shape}, "max_batch_size": LARGEST_BATCH}
        options = _options(datatype, server, folder, trap=trap)
        for door in DOORS:
            settings = _settings(door, options)
            models[f"{datatype}_{door}"] = {**settings, **declared}
            models[f"plain_{datatype}_{door}"] = settings
    pipelines = {name: [{"sends": {"model": name}}] for name in models}
    (folder / "turnout.yaml").write_text(json.dumps({"models": models, "pipelines": pipelines}))  # JSON is YAML
    plugins = [EntryPoint(name, f"turnout_{name}.plugin", "turnout") for name in ("direct", "onnxruntime", "triton")]
    sys.path.insert(0, str(folder))
    app = turnout.open(
        folder / "turnout.yaml", plugins=Plugins([*plugins, EntryPoint("doors", __name__, "turnout")]), metrics=Metrics()
    )
    atexit.register(app.close)
    return app


def write_echo(repository: Path, datatype: str) -> None:
    """Write the ONNX model of ``datatype`` and its configuration."""
    folder = repository / f"echo_{datatype}"
    (folder / "1").mkdir(parents=True)
    given, echo = (helper.make_tensor_value_info(name, ONNX_TYPES[datatype], ["batch", 3]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "echo", [given], [echo])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), folder / "1" / "model.onnx")
    kind = "TYPE_STRING" if datatype == BYTES else f"TYPE_{datatype}"
    (folder / "config.pbtxt").write_text(
        f'platform: "onnxruntime_onnx"\nmax_batch_size: {LARGEST_BATCH}\n'
        f'input [ {{ name: "x" data_type: {kind} dims: [3] }} ]\noutput [ {{ name: "y" data_type: {kind} dims: [3] }} ]\n'
    )


def _options(datatype: str, server: Any, folder: Path, *, trap: bool) -> dict[str, dict[str, Any]]:
    name = f"echo_{datatype}"
    return {
        "direct": {"loader": "factory", "factory": "echo_module:Echo", "device": "cpu"},
        "onnxruntime": {"path": str(folder / "repository" / name / "1" / "model.onnx"), "intra_op_num_threads": 1},
        "careless": {"datatype": datatype, "trap": trap},
        "grpc": {"url": f"grpc://{server.grpc_url}", "model": name, "shared_memory": "off"},
        "http": {"url": f"http://{server.http_url}", "model": name, "shared_memory": "off"},
        "shared_memory": {"url": f"grpc://{server.grpc_url}", "model": name, "shared_memory_threshold_bytes": 1},
    }


def _settings(door: str, options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if door in ARMS:
        down = {**options["careless"], "down": True}
        backends = {"careless": down, "onnxruntime": options["onnxruntime"], "triton": options["grpc"]}
        used = {"fallback": ("careless", "onnxruntime")}.get(door, ("onnxruntime", "triton"))
        return {**ARMS[door], "backends": {name: backends[name] for name in used}}
    backend = door if door in ("direct", "onnxruntime", "careless") else "triton"
    return {"backend": backend, "backends": {backend: options[door]}}


def send(app: turnout.Turnout, name: str, way: str, inputs: Any, keywords: Mapping[str, Any]) -> InferenceResponse:
    """Return the answer of the model ``name`` to ``inputs``, through one of ``WAYS``."""
    model = app.model(name)
    calls: dict[str, Callable[[], Any]] = {
        "infer": lambda: model.infer(inputs, **keywords),
        "request": lambda: model.infer(_request(inputs, keywords)),
        "ainfer": lambda: asyncio.run(model.ainfer(inputs, **keywords)),
        "infer_stream": lambda: next(iter(model.infer_stream(inputs, **keywords))),
        "pipeline": lambda: app.run(name, {"given": lambda: _request(inputs, keywords)})["answer"],
    }
    answer: InferenceResponse = calls[way]()
    return answer


def _request(inputs: Any, keywords: Mapping[str, Any]) -> InferenceRequest:
    """Return a request as a caller makes one, which checks nothing; a timeout of ``infer`` is a deadline here."""
    given = dict(keywords)
    if "timeout_seconds" in given:
        given["deadline"] = given.pop("timeout_seconds")
    return InferenceRequest(inputs, **given)
