"""The models of an existing repository, for a turnout.yaml that passes ``turnout check``."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from turnout import CheckRequest, RepositoryModel
from turnout.commands.init import repository_settings
from turnout.errors import ConfigurationError
from turnout.plugins.discovery import Plugins
from turnout.settings import load_settings
from turnout_triton.repository.check import check
from turnout_triton.repository.describe import describe

IO = 'input { name: "x" data_type: TYPE_FP32 dims: [3] }\noutput { name: "y" data_type: TYPE_FP32 dims: [3] }\n'
ONNX = 'platform: "onnxruntime_onnx"\nmax_batch_size: 8\n'


def describe_one(project: Any, config: str | None, file: str = "model.onnx", name: str = "scale") -> RepositoryModel:
    folder = project.repository / name
    if config is not None:
        folder.mkdir(exist_ok=True)
        (folder / "config.pbtxt").write_text(config)
    if file != "model.onnx":
        (folder / "1" / "model.onnx").rename(folder / "1" / file)
    return next(model for model in describe(project.repository, project.folder) if model.name == name)


def test_an_onnx_model_can_also_run_in_this_process(project: Any) -> None:
    model = describe_one(project, ONNX + "dynamic_batching { max_queue_delay_microseconds: 100 }\n" + IO)

    assert model == RepositoryModel(
        "scale",
        {
            "max_batch_size": 8,
            "dynamic_batching": {"max_queue_delay_microseconds": 100},
            "inputs": {"x": "FP32[3]"},
            "outputs": {"y": "FP32[3]"},
            "backends": {
                "triton": {"url": "${TRITON_URL:-localhost:8001}", "repository": "model_repository"},
                "onnxruntime": {"path": "model_repository/scale"},
            },
        },
    )


def test_torchscript_gets_a_direct_entry(project: Any) -> None:
    model = describe_one(project, 'backend: "pytorch"\nmax_batch_size: 8\n' + IO, "model.pt")

    assert model.settings["backends"]["direct"] == {"loader": "torchscript", "path": "model_repository/scale/1/model.pt"}


def test_options_that_only_triton_has_are_imported(project: Any) -> None:
    more = (
        "instance_group { count: 2 kind: KIND_CPU }\nversion_policy { all { } }\n"
        'parameters { key: "intra_op_thread_count" value { string_value: "1" } }\noptimization { graph { level: 1 } }\n'
    )

    model = describe_one(project, ONNX + more + IO)

    assert model.settings["backends"]["triton"]["model_config"] == {
        "version_policy": {"all": {}},
        "optimization": {"graph": {"level": 1}},
        "instance_group": [{"count": 2, "kind": "KIND_CPU"}],
        "parameters": {"intra_op_thread_count": "1"},
    }
    assert model.remarks == ()


def test_a_rate_limiter_stays_in_the_config_and_its_group_is_imported(project: Any) -> None:
    model = describe_one(project, f"{ONNX}instance_group {{ count: 3 rate_limiter {{ priority: 1 }} }}\n{IO}")

    assert model.settings["backends"]["triton"]["model_config"] == {"instance_group": [{"count": 3}]}
    assert model.remarks == (
        "config.pbtxt also sets rate_limiter, which turnout.yaml cannot express; turnout export keeps them there",
    )


def test_a_model_without_a_config_is_described_by_its_file(project: Any) -> None:
    model = describe_one(project, None)

    assert (model.settings["max_batch_size"], model.settings["inputs"]) == (4, {"x": "FP32[3]"})
    assert model.remarks == ("has no config.pbtxt; turnout export scale --config-only writes it",)


def test_an_ensemble_and_a_python_model_run_on_the_server_only(project: Any) -> None:
    step = 'step { model_name: "scale" model_version: -1 input_map { key: "x" value: "x" } output_map { key: "y" value: "y" } }'
    ensemble = describe_one(project, f'platform: "ensemble"\n{IO}ensemble_scheduling {{ {step} {step} }}\n', name="both")
    python = describe_one(project, f'backend: "python"\n{IO}', name="python")

    assert ensemble.settings["backends"] == {
        "triton": {
            "url": "${TRITON_URL:-localhost:8001}",
            "repository": "model_repository",
            "ensemble": ["scale", "scale"],
        }
    }
    assert list(python.settings["backends"]) == ["triton"]


def test_a_decoupled_model_is_described_with_a_remark(project: Any) -> None:
    model = describe_one(project, f'backend: "python"\nmodel_transaction_policy {{ decoupled: true }}\n{IO}', name="stream")

    assert model.settings
    assert model.remarks == ("streams its responses (decoupled); call it with infer_stream",)


def test_fields_that_turnout_yaml_cannot_express_are_named(project: Any) -> None:
    warmup = 'model_warmup { name: "w" inputs { key: "x" value { data_type: TYPE_FP32 dims: [3] zero_data: true } } }\n'

    model = describe_one(project, ONNX + warmup + "response_cache { enable: true }\n" + IO)

    [remark] = model.remarks
    assert remark.startswith("config.pbtxt also sets model_warmup, response_cache, which turnout.yaml cannot express; turnout")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("sequence_batching { }\n" + IO, "it keeps state between requests (sequence_batching), which Turnout does not support"),
        ('backend: "python"\n', "its config.pbtxt does not declare inputs and outputs; add input and output"),
        (f'name: "other"\n{IO}', "config.pbtxt calls it 'other', which Triton refuses in a folder 'left'; correct it"),
        ("input { shape: [", "cannot be read as a model config"),
        (IO.replace("dims: [3] }\nout", "dims: [3] is_shape_tensor: true }\nout"), "it has shape tensors"),
    ],
)
def test_a_model_that_cannot_be_described_is_skipped_with_the_reason(project: Any, config: str, reason: str) -> None:
    model = describe_one(project, config, name="left")

    assert model.settings == {}
    assert reason in model.remarks[0]
    assert model.remarks[0].startswith("was skipped: ")


def test_a_folder_that_is_not_a_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no model repository"):
        list(describe(tmp_path / "nowhere", tmp_path))
    with pytest.raises(ConfigurationError, match=r"has no models, which are folders with config\.pbtxt or a version"):
        list(describe(tmp_path, tmp_path))


def test_the_turnout_yaml_of_a_whole_repository_passes_the_check(project: Any, save_model: Any) -> None:
    scalar = [("x", TensorProto.FLOAT, ["rows"])], [("y", TensorProto.FLOAT, ["rows"])]
    save_model(project.repository / "rows" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], *scalar)
    rows = "dims: [1] reshape { }"
    parameter = 'parameters { key: "model_dir" value { string_value: "$$HOME/${x}" } }\n'
    describe_one(project, f"{ONNX}{parameter}instance_group {{ count: 2 kind: KIND_CPU }}\ndynamic_batching {{ }}\n{IO}")
    describe_one(project, ONNX + IO.replace("dims: [3]", rows), name="rows")
    whole = [("x", TensorProto.FLOAT, [])], [("y", TensorProto.FLOAT, [])]
    save_model(project.repository / "scalar" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], *whole)
    describe_one(project, 'platform: "onnxruntime_onnx"\n' + IO.replace("[3]", "[1]"), name="scalar")
    save_model(project.repository / "wide" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], *scalar)
    describe_one(project, 'platform: "onnxruntime_onnx"\n' + IO.replace("[3]", "[-1]"), name="wide")
    describe_one(project, f'backend: "python"\n{IO}', name="python")
    describe_one(project, "sequence_batching { }\n" + IO, name="sequence")
    plugins = Plugins([EntryPoint("triton", "turnout_triton.plugin", "turnout")])
    file = project.folder / "deploy" / "turnout.yaml"
    file.parent.mkdir()

    file.write_text(repository_settings(plugins, project.repository, file.parent))
    loaded = load_settings(file, registry=plugins, environment={"TRITON_URL": "localhost:1"})

    assert list(loaded.settings.models) == ["python", "rows", "scalar", "scale", "wide"]
    assert loaded.settings.models["scalar"].inputs == {"x": "FP32[]"}
    assert "  # sequence: was skipped: it keeps state between requests" in file.read_text()
    for name, settings in loaded.settings.models.items():
        declaration, options = settings.declaration(name, loaded.folder), loaded.backend_options[name, "triton"]
        found = [one for one in check(CheckRequest(declaration, options, serves=True)) if "not reached" not in one.text]
        assert [one.text for one in found] == ["the same in turnout.yaml and config.pbtxt"], name
