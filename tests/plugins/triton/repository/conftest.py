"""A project folder with a model repository: small ONNX models, and their settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from turnout import CheckRequest, Configuration, ConfigurationRequest, ModelDeclaration
from turnout.repository.publishing import publish_configuration
from turnout_triton.options import TritonOptions
from turnout_triton.repository.check import check
from turnout_triton.repository.configure import configure
from turnout_triton.repository.layout import locate

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
Tensor = tuple[str, int, Sequence[int | str] | None]
NO_SERVER = "localhost:1"


def save(file: Path, nodes: Any, inputs: list[Tensor], outputs: list[Tensor], constants: dict[str, Any] | None = None) -> Path:
    """Write an ONNX model; a size that is text is free."""
    values = [[helper.make_tensor_value_info(*tensor) for tensor in side] for side in (inputs, outputs)]
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "graph", *values, initializers)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    return file


def save_scale(folder: Path, version: int = 1) -> Path:
    """``x`` FP32 [-1, 3] -> ``y``, twice as large."""
    x, y = ("x", FLOAT, ["rows", 3]), ("y", FLOAT, ["rows", 3])
    node = helper.make_node("Mul", ["x", "two"], ["y"])
    return save(folder / str(version) / "model.onnx", [node], [x], [y], {"two": np.float32(2)})


def save_shift(folder: Path) -> Path:
    """``y`` FP32 [-1, 3] -> ``z``, larger by one."""
    y, z = ("y", FLOAT, ["rows", 3]), ("z", FLOAT, ["rows", 3])
    node = helper.make_node("Add", ["y", "one"], ["z"])
    return save(folder / "1" / "model.onnx", [node], [y], [z], {"one": np.float32(1)})


class Project:
    """A project without a turnout.yaml file: models with their options, which the core would pass to the plugin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "model_repository"

    def model(self, name: str = "scale", **settings: Any) -> ModelDeclaration:
        return ModelDeclaration(name, self.folder, **({"max_batch_size": 8} | settings))

    def options(self, **settings: Any) -> TritonOptions:
        return TritonOptions.model_validate({"url": NO_SERVER} | settings)

    def configure(self, model: ModelDeclaration, options: TritonOptions | None = None, **more: Any) -> Configuration:
        """Configure a model as ``turnout export --config-only`` does."""
        folder = locate(model, options)
        return publish_configuration(folder, lambda: configure(ConfigurationRequest(model, options, folder, **more)))

    def config_file(self, name: str = "scale") -> Path:
        return self.repository / name / "config.pbtxt"

    def check(self, model: ModelDeclaration, options: TritonOptions | None, **more: Any) -> list[tuple[bool, str]]:
        """Return the findings of the check, except those about the server that does not exist."""
        found = check(CheckRequest(model, options, **({"serves": True} | more)))
        return [(one.ok, one.text) for one in found if NO_SERVER not in one.text]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with the model ``scale`` in its repository, without a config.pbtxt."""
    project = Project(tmp_path)
    save_scale(project.repository / "scale")
    return project


@pytest.fixture
def save_model() -> Callable[..., Path]:
    return save


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Any]]:
    """Return a project whose repository a real server serves, and the server."""
    from turnout_triton.server import LocalServer, ServerOptions

    project = Project(tmp_path_factory.mktemp("served"))
    save_scale(project.repository / "scale")
    save_shift(project.repository / "shift")
    x, y = ("x", INT64, ["rows"]), ("y", INT64, ["rows"])
    save(project.repository / "rows" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], [x], [y])
    configure_served(project)
    with LocalServer(project.repository, ServerOptions(grace_seconds=0)) as server:
        yield project, server


def configure_served(project: Project) -> None:
    """Write the config.pbtxt of every model that the server serves, and a recording that warms one of them up."""
    (project.folder / "recorded").mkdir()
    np.savez(project.folder / "recorded" / "one.npz", x=np.ones((2, 3), np.float32))
    for name, settings in SERVED.items():
        project.configure(project.model(name), project.options(**settings))


SERVED: dict[str, dict[str, Any]] = {
    "scale": {
        "model_config": {
            "instance_group": [{"count": 2}],
            "parameters": {"intra_op_thread_count": 1},
            "model_warmup": [{"recorded": "recorded"}, {"data": "random", "batch_size": 8}, {"data": "zero"}],
        }
    },
    "shift": {},
    "rows": {},
    "both": {"ensemble": ["scale", "shift"]},
}
