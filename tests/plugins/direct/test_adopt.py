"""``turnout adopt`` on checkpoints of real architectures, in this process: found, exported, proved, served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.adopt_checkpoints import save

from turnout.commands.adopt.command import adopt_source
from turnout.commands.adopt.request import AdoptRequest
from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings

pytestmark = pytest.mark.filterwarnings("default")


def adopt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, **more: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRITON_URL", "localhost:9")
    if not (tmp_path / name).exists():
        save(name, tmp_path)
    return adopt_source(AdoptRequest(name, Path("turnout.yaml"), seconds=0, **more), warn=pytest.fail).as_json()


def test_a_classifier_runs_in_a_pipeline_and_is_served_by_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = adopt(tmp_path, monkeypatch, "vit")

    [model] = report["models"]
    proof = model["export"]["proof"]
    assert (model["kind"], model["task"], model["serves"]) == (
        "ViTForImageClassification",
        "image-classification",
        "onnxruntime",
    )
    assert (report["pipelines"], proof["from_pipeline"], proof["batches"]) == (["classify_vit"], 1, [2, 3, 8])
    assert (tmp_path / "model_repository/vit/config.pbtxt").is_file()
    loaded = load_settings(Path("turnout.yaml"), registry=find_plugins())
    assert list(loaded.model("vit").settings.backends) == ["triton", "onnxruntime", "direct"]


def test_a_model_of_pictures_of_any_size_is_proved_at_sizes_that_its_exporter_did_not_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [model] = adopt(tmp_path, monkeypatch, "resnet")["models"]

    proved = [one["pixel_values"] for one in model["export"]["proof"]["sizes"]["proved"]]
    assert proved[:4] == [[3, 64, 64], [3, 96, 160], [3, 160, 96], [3, 97, 131]]


def test_both_halves_of_a_model_of_pictures_and_texts_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, text = adopt(tmp_path, monkeypatch, "clip")["models"]

    assert (picture["serves"], text["serves"]) == ("onnxruntime", "onnxruntime")
    sizes = text["export"]["proof"]["sizes"]
    # The checkpoint has 16 positions: longer texts are refused by the model itself.
    assert (sizes["proved"][-1]["input_ids"], sizes["refused"][0]["input_ids"]) == ([16], [33])


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["pix2struct", "instructblip"])
def test_a_model_that_refuses_generated_requests_is_proved_with_those_of_its_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    report = adopt(tmp_path, monkeypatch, name, format="onnx")

    [model] = report["models"]
    assert report["pipelines"] == [{"pix2struct": "caption_pix2struct", "instructblip": "answer_instructblip"}[name]]
    assert (model["export"]["format"], model["export"]["proof"]["from_pipeline"]) == ("onnx", 1)
    assert model["export"]["proof"]["max_abs_error"] == {"generated_ids": 0}
    again = adopt(tmp_path, monkeypatch, name, format="onnx")
    assert again["models"][0]["serves"] == model["serves"]
