"""The models of an existing repository, for a turnout.yaml that passes ``turnout check``."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from turnout import CheckRequest, DynamicBatching, RepositoryModel, TensorSpec
from turnout.commands.init.repository_models import repository_settings
from turnout.errors import ConfigurationError
from turnout.files.fingerprint import fingerprint
from turnout.files.made_here import MADE_HERE
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


def write_archive(file: Path, *names: str) -> None:
    """Write a zip archive with empty files in place of ``model.onnx``; without names, a file that is none."""
    (file.parent / "model.onnx").unlink()
    if not names:
        file.write_bytes(b"broken")
        return
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "")


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
    file = project.repository / "scale" / "1" / "model.pt"
    write_archive(file, "scale/constants.pkl", "scale/data.pkl", "scale/code/__torch__.py")

    model = describe_one(project, 'backend: "pytorch"\nmax_batch_size: 8\n' + IO)

    assert model.settings["backends"]["direct"] == {"loader": "torchscript", "path": "model_repository/scale/1/model.pt"}


def test_an_exported_program_gets_a_direct_entry_with_its_own_loader(project: Any) -> None:
    write_archive(project.repository / "scale" / "1" / "model.pt", "e/archive_format", "e/models/model.json")

    model = describe_one(project, 'backend: "pytorch"\nmax_batch_size: 8\n' + IO)

    assert model.settings["backends"]["direct"] == {"loader": "torch_export", "path": "model_repository/scale/1/model.pt"}


@pytest.mark.parametrize("names", [("sd/data.pkl", "sd/version"), ("word/document.xml",), ()])
def test_a_checkpoint_or_a_broken_file_runs_on_the_server_only(project: Any, names: tuple[str, ...]) -> None:
    write_archive(project.repository / "scale" / "1" / "model.pt", *names)

    assert list(describe_one(project, 'backend: "pytorch"\n' + IO).settings["backends"]) == ["triton"]


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
    assert model.remarks == ("has no config.pbtxt; turnout export {name} --config-only writes it",)


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
        ('backend: "python" input { name: "x" dims: [1] }', "config.pbtxt declares input 'x' without data_type; add it"),
        ('backend: "python" output { name: "y" data_type: TYPE_FP32 }', "declares output 'y' without dims; add it"),
        ("max_batch_size: 8", "it has no version folder such as '1', and no config.pbtxt that names a backend"),
        (None, "it has no version folder such as '1'"),
        (f'name: "other"\n{IO}', "config.pbtxt calls it 'other', which Triton refuses in a folder 'left'; correct it"),
        ("input { shape: [", "cannot be read as a model config"),
        (IO.replace("dims: [3] }\nout", "dims: [3] is_shape_tensor: true }\nout"), "it has shape tensors"),
    ],
)
def test_a_model_that_cannot_be_described_is_skipped_with_the_reason(project: Any, config: str | None, reason: str) -> None:
    (project.repository / "left").mkdir()

    model = describe_one(project, config, name="left")

    assert model.settings == {}
    assert reason in model.remarks[0]
    assert model.remarks[0].startswith("was skipped: ")


def plant_type(folder: Path) -> None:
    (folder / "config.pbtxt").write_text('backend: "python" input { name: "x" data_type: TYPE_OF_TOMORROW dims: [1] }')


def plant_onnx(content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "1" / "model.onnx").write_bytes(content)


def plant_loop(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder)


def plant_sequence(folder: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("SequenceConstruct", ["x"], ["s"])], "g", [value], [sequence])
    onnx.save(helper.make_model(graph), folder / "1" / "model.onnx")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a datatype that nobody knows": (plant_type, "TYPE_OF_TOMORROW"),
    "an empty file": (plant_onnx(b""), "cannot be read as an ONNX file"),
    "a file that is cut": (plant_onnx(b"\x08\x09\x3a\xff\x7f"), "cannot be read as an ONNX file"),
    "an endless number": (plant_onnx(b"\xff" * 1000), "more than 64 bits"),
    "a Git LFS pointer": (plant_onnx(b"version https://git-lfs.github.com/spec/v1\n"), "cannot be read as an ONNX file"),
    "a type that KServe does not have": (plant_sequence, "has a type that KServe v2 has no datatype for"),
    "an empty version": (lambda folder: (folder / "1" / "model.onnx").unlink(), "no version has a file that Triton knows"),
    "an empty folder": (lambda folder: shutil.rmtree(folder / "1"), "it has no version folder"),
    "a link to itself": (plant_loop, "it is a link that leads nowhere"),
    "a pipe in place of the file": (
        lambda folder: ((folder / "1" / "model.onnx").unlink(), os.mkfifo(folder / "1" / "model.onnx")),
        "cannot be read as an ONNX file: it is a pipe",
    ),
    "a syntax error": (lambda folder: (folder / "config.pbtxt").write_text("input [ {"), "cannot be read as a model config"),
    "a line break in its name": (lambda folder: folder.rename(folder.with_name("a\nb")), "cannot be printed"),
    "a name that is not text": (
        lambda folder: folder.rename(os.fsdecode(os.fsencode(folder.with_name("a")) + b"\xe9")),
        "cannot be printed",
    ),
}


@pytest.mark.parametrize("planted", BROKEN)
def test_one_odd_model_is_skipped_and_the_others_are_described(project: Any, save_model: Any, planted: str) -> None:
    plant, reason = BROKEN[planted]
    x, y = ("x", TensorProto.FLOAT, ["n"]), ("y", TensorProto.FLOAT, ["n"])
    save_model(project.repository / "a" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], [x], [y])
    plant(project.repository / "a")

    odd, good = describe(project.repository, project.folder)

    assert (odd.settings, good.name, list(good.settings["backends"])) == ({}, "scale", ["triton", "onnxruntime"])
    assert reason in odd.remarks[0]


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ('backend: "onnxruntime"', {"max_batch_size": 4, "dynamic_batching": {}}),
        ("", {"max_batch_size": 4, "dynamic_batching": {}}),
        ('backend: "onnxruntime" max_batch_size: 16', {"max_batch_size": 16, "dynamic_batching": {}}),
        ('platform: "onnxruntime_onnx" max_batch_size: 1', {"max_batch_size": 1}),
        ('backend: "onnxruntime" max_batch_size: 8 input { name: "x" } output { name: "y" }', {"max_batch_size": 8}),
        (
            'backend: "onnxruntime" max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 5 } input { name: "x" }',
            {"max_batch_size": 8, "dynamic_batching": {"max_queue_delay_microseconds": 5}},
        ),
    ],
)
def test_a_short_config_is_completed_from_the_file(project: Any, config: str, settings: dict[str, Any]) -> None:
    model = describe_one(project, config)

    described = {key: value for key, value in model.settings.items() if key != "backends"}
    assert described == {**settings, "inputs": {"x": "FP32[3]"}, "outputs": {"y": "FP32[3]"}}
    declaration = project.model(
        max_batch_size=settings["max_batch_size"],
        dynamic_batching=DynamicBatching(**settings["dynamic_batching"]) if "dynamic_batching" in settings else None,
    )
    assert project.check(declaration, project.options()) == [(True, "the same in turnout.yaml and config.pbtxt")]


@pytest.mark.parametrize("config", ["max_batch_size: 8\n" + IO, "max_batch_size: 8", IO.replace("[3]", "[4]")])
def test_a_config_that_contradicts_its_file_yields_to_it_with_a_remark(project: Any, save_model: Any, config: str) -> None:
    x, y = ("x", TensorProto.FLOAT, [1, 3]), ("y", TensorProto.FLOAT, [1, 3])
    save_model(project.repository / "scale" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], [x], [y])

    model = describe_one(project, 'platform: "onnxruntime_onnx"\n' + config)

    assert {key: value for key, value in model.settings.items() if key != "backends"} == {
        "inputs": {"x": "FP32[1, 3]"},
        "outputs": {"y": "FP32[1, 3]"},
    }
    assert "turnout export {name} --config-only --force-config" in model.remarks[0]
    declared = TensorSpec("x", "FP32", (1, 3)), TensorSpec("y", "FP32", (1, 3))
    declaration = project.model(max_batch_size=0, inputs=declared[:1], outputs=declared[1:])
    assert not project.check(declaration, project.options())[0][0]
    project.configure(declaration, project.options(), overwrite=True)
    assert project.check(declaration, project.options()) == [(True, "the same in turnout.yaml and config.pbtxt")]


def test_a_large_model_in_a_folder_is_described_by_the_file_in_it(project: Any) -> None:
    file = project.repository / "scale" / "1" / "model.onnx"
    model = onnx.load(file)
    file.unlink()
    file.mkdir()
    onnx.save(model, file / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)

    described = describe_one(project, 'backend: "onnxruntime"')

    assert described.settings["inputs"] == {"x": "FP32[3]"}
    assert described.settings["backends"]["onnxruntime"] == {"path": "model_repository/scale"}


def test_a_file_of_another_name_is_the_one_that_runs_in_process(project: Any) -> None:
    config = 'backend: "onnxruntime" default_model_filename: "net.onnx"'
    (project.repository / "scale" / "1" / "model.onnx").rename(project.repository / "scale" / "1" / "net.onnx")

    described = describe_one(project, config)

    assert described.settings["inputs"] == {"x": "FP32[3]"}
    assert described.settings["backends"]["onnxruntime"] == {"path": "model_repository/scale/1/net.onnx"}


@pytest.mark.parametrize(
    ("config", "file"),
    [
        ('backend: "python"', "model.py"),
        ('backend: "vllm" instance_group { count: 1 kind: KIND_MODEL }', "model.json"),
        ('platform: "tensorrt_plan"', "model.plan"),
        ('backend: "dali"', "model.dali"),
        ('backend: "fil" parameters { key: "model_type" value { string_value: "xgboost_json" } }', "xgboost.json"),
        (None, "model.py"),
        (None, "model.savedmodel"),
    ],
)
def test_what_only_a_server_runs_has_no_other_entry(project: Any, config: str | None, file: str) -> None:
    model = describe_one(project, config, file)

    assert list(model.settings) == ["backends"]
    assert list(model.settings["backends"]) == ["triton"]


def test_a_folder_that_is_not_a_repository_is_named(tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"m' is a model, not a repository of models: --from-repository \S+"):
        list(describe(tmp_path / "m", tmp_path))
    shutil.rmtree(tmp_path / "m")
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

    file.write_text(repository_settings(plugins, project.repository, file.parent).text)
    loaded = load_settings(file, registry=plugins, environment={"TRITON_URL": "localhost:1"})

    assert list(loaded.settings.models) == ["python", "rows", "scalar", "scale", "wide"]
    assert loaded.settings.models["scalar"].inputs == {"x": "FP32[]"}
    assert "  # sequence: was skipped: it keeps state between requests" in file.read_text()
    for name, settings in loaded.settings.models.items():
        declaration, options = settings.declaration(name, loaded.folder), loaded.backend_options[name, "triton"]
        found = [one for one in check(CheckRequest(declaration, options, serves=True)) if "not reached" not in one.text]
        assert [one.text for one in found] == ["the same in turnout.yaml and config.pbtxt"], name


def test_a_path_out_of_a_folder_that_is_a_link_leads_to_the_model(project: Any, tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "app").symlink_to(tmp_path / "far" / "away")

    model = next(iter(describe(project.repository, tmp_path / "app")))

    assert (tmp_path / "app" / model.settings["backends"]["onnxruntime"]["path"] / "1" / "model.onnx").is_file()


def test_the_file_of_a_stranger_gets_a_remark_with_the_line_to_write(project: Any) -> None:
    file = project.repository / "scale" / "1" / "model.pt"
    write_archive(file, "scale/constants.pkl", "scale/data.pkl", "scale/code/__torch__.py")

    model = describe_one(project, 'backend: "pytorch"\nmax_batch_size: 8\n' + IO)

    assert (
        f"if you made it or trust who did, add to the options of 'direct': sha256: \"{fingerprint(file)}\"" in model.remarks[-1]
    )
    assert "sha256" not in model.settings["backends"]["direct"]


def test_a_file_that_was_exported_here_gets_no_remark(project: Any) -> None:
    file = project.repository / "scale" / "1" / "model.pt"
    write_archive(file, "scale/constants.pkl", "scale/data.pkl", "scale/code/__torch__.py")
    MADE_HERE.add(fingerprint(file))

    assert describe_one(project, 'backend: "pytorch"\nmax_batch_size: 8\n' + IO).remarks == ()
