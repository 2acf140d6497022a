"""Models that ``init`` describes, on a real server: short configs, odd names, large models, corrected contradictions."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.plugins.triton.repository.conftest import save

import turnout
from turnout import ConfigurationRequest
from turnout.commands.init.repository_models import repository_settings
from turnout.plugins.discovery import Plugins
from turnout.repository.publishing import publish_configuration
from turnout.settings import load_settings
from turnout_triton.repository.configure import configure
from turnout_triton.repository.layout import locate
from turnout_triton.server import LocalServer, ServerOptions

IO = 'input { name: "x" data_type: TYPE_FP32 dims: [3] } output { name: "y" data_type: TYPE_FP32 dims: [3] }'
MODELS: dict[str, tuple[list[Any], str | None, tuple[int, ...]]] = {
    "alone": (["rows", 3], None, (2, 3)),
    "short": (["rows", 3], 'backend: "onnxruntime" max_batch_size: 8', (5, 3)),
    "names": (["rows", 3], 'backend: "onnxruntime" max_batch_size: 8 input { name: "x" } output { name: "y" }', (5, 3)),
    "numbers": (["rows"], 'backend: "onnxruntime"', (3,)),
    "scalar": ([], None, ()),
    "_pre": (["rows", 3], f"max_batch_size: 8 {IO}", (2, 3)),
    "large": (["rows", 3], 'platform: "onnxruntime_onnx" max_batch_size: 8', (2, 3)),
    "fixed": ([4, 3], f'platform: "onnxruntime_onnx" max_batch_size: 8 {IO}', (4, 3)),
    "unbatched": (["rows", 3], f'platform: "onnxruntime_onnx" {IO}', (3, 3)),
}
CONTRADICTING = ("fixed", "unbatched")


def write(repository: Path, name: str, sizes: list[Any], config: str | None) -> None:
    """Write ``x`` -> ``y`` = 2x with inputs of ``sizes``."""
    file = repository / name / "1" / "model.onnx"
    x, y = ("x", TensorProto.FLOAT, sizes), ("y", TensorProto.FLOAT, sizes)
    save(file, [helper.make_node("Mul", ["x", "two"], ["y"])], [x], [y], {"two": np.float32(2)})
    if config is not None:
        (repository / name / "config.pbtxt").write_text(config)
    if name == "large":
        model = onnx.load(file)
        file.unlink()
        file.mkdir()
        onnx.save(model, file / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[turnout.Turnout]:
    """Yield the app of what ``init`` wrote, after the command that its remarks name."""
    folder = tmp_path_factory.mktemp("described")
    for name, (sizes, config, _) in MODELS.items():
        write(folder / "repository", name, sizes, config)
    plugins = Plugins([EntryPoint("triton", "turnout_triton.plugin", "turnout")])
    draft = repository_settings(plugins, folder / "repository", folder)
    file = folder / "turnout.yaml"
    file.write_text(draft.text)
    for name in CONTRADICTING:
        assert any(note.endswith(f"turnout export {name} --config-only --force-config") for note in draft.notes)
        model = load_settings(file, registry=plugins, environment={}).models[name]
        request = ConfigurationRequest(
            model.declaration, model.options["triton"], locate(model.declaration, model.options["triton"]), overwrite=True
        )
        publish_configuration(request.folder, lambda request=request: configure(request))
    with LocalServer(folder / "repository", ServerOptions(grace_seconds=0)) as server:
        file.write_text(draft.text.replace("${TRITON_URL:-localhost:8001}", server.grpc_url))
        with turnout.open(file) as opened:
            yield opened


@pytest.mark.parametrize("name", MODELS)
def test_a_described_model_answers(app: turnout.Turnout, name: str) -> None:
    shape = MODELS[name][2]
    x = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)

    answer = app.model(name.lstrip("_")).infer({"x": x}, timeout_seconds=20)["y"]

    assert answer.shape == shape
    assert np.array_equal(answer, 2 * x)
