"""Architectures are tried again, and a planted wrong one shows as wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from benchmarks.compatibility.architecture import Architecture
from benchmarks.compatibility.campaign import RESULTS, digest_of
from benchmarks.compatibility.listed import ARCHITECTURES, FAST, FAST_AS_ONNX
from benchmarks.compatibility.page import is_wrong
from benchmarks.compatibility.trial import Trial

RESULT_OF = {result["digest"]: result for result in json.loads(RESULTS.read_text("utf-8"))["architectures"]}
CHOSEN = [one for one in ARCHITECTURES if one.title in FAST]
PICTURES = {"inputs": {"pixel_values": "FP32[3,64,64]"}, "free": {"pixel_values": "FP32[3,-1,-1]"}}
SIZES = ({"pixel_values": (3, 64, 96)}, {"pixel_values": (3, 160, 224)})


@pytest.fixture(autouse=True)
def _nets(_modules: None) -> None:
    """Make the planted nets importable."""


def planted(function: str) -> Architecture:
    """Return the net that ``function`` of ``modules/turnout_test_compatibility.py`` builds."""
    return Architecture("Planted", "other", factory=f"turnout_test_compatibility:{function}", other_sizes=SIZES, **PICTURES)


def tried(function: str, folder: Path) -> Mapping[str, Any]:
    """Return what a trial finds of a planted net, as TorchScript."""
    trial = Trial(planted(function), folder, formats=("torchscript",))
    trial.run()
    return trial.found


def verdicts(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must be the same on each machine and in each run: no figures, no seconds, no texts."""
    runs = {name: value for name, value in result.items() if isinstance(value, Mapping) and name != "triton"}
    return {name: _verdict(run) for name, run in runs.items()}


def _verdict(run: Mapping[str, Any]) -> tuple[Any, ...]:
    sizes = run.get("sizes")
    return run["verdict"], run.get("rows"), "rows_reason" in run, sizes["verdict"] if isinstance(sizes, Mapping) else sizes


def test_a_third_of_the_architectures_is_fast() -> None:
    assert len(CHOSEN) == len(FAST)
    assert 3 * len(CHOSEN) >= len(ARCHITECTURES)
    assert set(FAST_AS_ONNX) < set(FAST)


@pytest.mark.parametrize("architecture", CHOSEN, ids=lambda one: one.title)
def test_an_architecture_has_the_verdicts_of_the_page(architecture: Architecture, tmp_path: Path) -> None:
    formats = ("onnx", "torchscript") if architecture.title in FAST_AS_ONNX else ("torchscript",)
    trial = Trial(architecture, tmp_path, formats=formats)

    trial.run()

    now = verdicts(trial.found)
    before = verdicts(RESULT_OF[digest_of(architecture)])
    assert now == {name: before[name] for name in now}
    assert trial.found["depends_on_input"]


def test_a_right_net_is_right(tmp_path: Path) -> None:
    found = tried("right", tmp_path)

    assert verdicts(found) == {
        "direct": ("equal", [2, 3, 4], False, "equal"),
        "torchscript": ("written", [2, 3, 4], False, "free"),
        "libtorch": ("equal", [2, 3, 4], False, "equal"),
    }
    assert found["depends_on_input"]


def test_rows_that_see_each_other_show_as_dependent_and_are_not_exported(tmp_path: Path) -> None:
    found = tried("sees_its_neighbors", tmp_path)

    assert "row 0 of output 'output' differs alone and in a batch of 2" in found["direct"]["rows_reason"]
    assert is_wrong(found["direct"])
    assert "its rows depend on each other" in found["torchscript"]["reason"]


def test_a_net_that_ignores_its_input_proves_nothing(tmp_path: Path) -> None:
    assert not tried("ignores_its_input", tmp_path)["depends_on_input"]


def test_a_graph_that_keeps_one_branch_shows_as_wrong_for_other_sizes(tmp_path: Path) -> None:
    """The exporter cannot try every size; the trial has sizes of its own."""
    found = tried("branches_on_a_width", tmp_path)

    assert found["direct"]["sizes"]["verdict"] == "equal"
    assert found["libtorch"]["sizes"]["verdict"] == "different"
    assert is_wrong(found["libtorch"])


def test_a_net_with_a_state_differs_from_itself(tmp_path: Path) -> None:
    found = tried("counts_its_calls", tmp_path)

    assert "changes from call to call, even alone" in found["direct"]["rows_reason"]
    assert found["torchscript"]["verdict"] == "refused"


class OtherWeights(Trial):
    """Turns the sign of the weights of a file after its export has proved it."""

    def _export_once(self, format: str, inputs: Mapping[str, str]) -> dict[str, Any]:
        found = super()._export_once(format, inputs)
        file = self.repository / self.models[format] / "1/model.onnx"
        model = onnx.load(file)
        for weight in model.graph.initializer:
            array = onnx.numpy_helper.to_array(weight)
            if array.dtype == np.float32:
                weight.CopyFrom(onnx.numpy_helper.from_array(-array, weight.name))
        onnx.save(model, file)
        return found


def test_a_file_with_other_weights_shows_as_different(tmp_path: Path) -> None:
    trial = OtherWeights(planted("right"), tmp_path, formats=("onnx",))

    trial.run()

    assert trial.found["onnx"]["verdict"] == "written"
    assert trial.found["onnxruntime"]["verdict"] == "different"
    assert is_wrong(trial.found["onnxruntime"])
