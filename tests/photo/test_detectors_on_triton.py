"""The detectors of examples/photo on a real Triton: the regions are those of ONNX Runtime in this process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from examples.photo import get_models
from skimage import data

import turnout
from turnout_triton.server import LocalServer, ServerOptions

EXAMPLE = Path(__file__).parents[2] / "examples" / "photo"
DETECTORS = ("face_detector", "layout_detector")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a copy of examples/photo whose detectors a Triton serves, each in the layout of its repository."""
    folder = tmp_path_factory.mktemp("served")
    get_models.main(folder)
    repository = folder / "repository"
    for model in DETECTORS:
        shutil.copytree(folder / "models" / model, repository / model)
        # Triton reads inputs and outputs from the ONNX file.
        (repository / model / "config.pbtxt").write_text('backend: "onnxruntime"\ninstance_group { count: 1 }\n', "utf-8")
    written = (EXAMPLE / "turnout.yaml").read_text("utf-8")
    with LocalServer(repository, ServerOptions(grace_seconds=0)) as server:
        for model in DETECTORS:
            served = f"backends: {{triton: {{url: '{server.grpc_url}'}}, onnxruntime: {{path: models/{model}}}}}"
            written = written.replace(f"backends: {{onnxruntime: {{path: models/{model}}}}}", served)
        (folder / "turnout.yaml").write_text(written, "utf-8")
        (folder / "served.yaml").write_text(written.replace("_detector:  ", "_detector:\n    backend: triton  ", 2), "utf-8")
        yield folder


@pytest.mark.parametrize(
    ("pipeline", "picture", "labels"), [("faces", "astronaut", {"face"}), ("page", "page", {"title", "text"})]
)
def test_the_regions_are_those_of_onnxruntime(folder: Path, pipeline: str, picture: str, labels: set[str]) -> None:
    found = {}
    for name in ("turnout.yaml", "served.yaml"):
        with turnout.open(folder / name) as app:
            result = app.run(pipeline, image=getattr(data, picture)())
            assert not result.failures
            found[name] = result["regions"]

    local, served = found.values()
    assert {region.label for region in served} == labels
    assert [(region.box, region.label) for region in served] == [(region.box, region.label) for region in local]
    assert [region.score for region in served] == pytest.approx([region.score for region in local], abs=1e-5)
