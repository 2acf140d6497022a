"""The check of turnout.yaml, config.pbtxt and the server: each planted difference is named."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper

from turnout import DynamicBatching, ModelSignature
from turnout.tensors import TensorSpec
from turnout_triton.repository import server_config
from turnout_triton.repository.config_file import read_config

SAME = (True, "the same in turnout.yaml and config.pbtxt")
BATCHING = DynamicBatching(max_queue_delay_microseconds=100)
DECLARED = {
    "inputs": (TensorSpec("x", "FP32", (-1, 3)),),
    "outputs": (TensorSpec("y", "FP32", (-1, 3)),),
    "dynamic_batching": BATCHING,
}
GROUPS = {"model_config": {"instance_group": [{"count": 2, "kind": "KIND_CPU"}], "parameters": {"threads": 1}}}


@pytest.fixture
def edit(project: Any) -> Callable[[Callable[[Any], None]], None]:
    """Return a function that edits config.pbtxt by hand, as a user does."""

    def write(change: Callable[[Any], None]) -> None:
        config = read_config(project.config_file()).config
        change(config)
        project.config_file().write_text(text_format.MessageToString(config))

    return write


def test_a_config_that_was_just_written_is_the_same(project: Any) -> None:
    for settings, options in (({}, project.options()), (DECLARED, project.options(**GROUPS)), (DECLARED, None)):
        project.configure(project.model(**settings), options)

        assert project.check(project.model(**settings), options) == [SAME]


def _input(config: Any) -> Any:
    return config.input[0]


PLANTED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "name": (lambda config: setattr(config, "name", "other"), "name: turnout.yaml says scale, config.pbtxt says other"),
    "platform": (
        lambda config: (setattr(config, "platform", "tensorrt_plan"), setattr(config, "backend", "tensorrt")),
        "platform: model.onnx needs onnxruntime_onnx, config.pbtxt says tensorrt_plan",
    ),
    "max_batch_size": (
        lambda config: setattr(config, "max_batch_size", 16),
        "max_batch_size: turnout.yaml says 8, config.pbtxt says 16",
    ),
    "an input's name": (
        lambda config: setattr(_input(config), "name", "z"),
        "input 'x': turnout.yaml says FP32 [3], config.pbtxt says none",
    ),
    "an input too many": (
        lambda config: config.input.add(name="mask", data_type=1, dims=[2]),
        "input 'mask': turnout.yaml says none, config.pbtxt says BOOL [2]",
    ),
    "an input's datatype": (
        lambda config: setattr(_input(config), "data_type", 10),
        "input 'x': turnout.yaml says FP32 [3], config.pbtxt says FP16 [3]",
    ),
    "an input's shape": (
        lambda config: _input(config).dims.append(4),
        "input 'x': turnout.yaml says FP32 [3], config.pbtxt says FP32 [3, 4]",
    ),
    "an output's datatype": (
        lambda config: setattr(config.output[0], "data_type", 9),
        "output 'y': model.onnx has FP32 [3], config.pbtxt says INT64 [3]",
    ),
    "no dynamic batching": (
        lambda config: config.ClearField("dynamic_batching"),
        'dynamic_batching: turnout.yaml says {"max_queue_delay_microseconds": "100"}, config.pbtxt says none',
    ),
    "another delay": (
        lambda config: setattr(config.dynamic_batching, "max_queue_delay_microseconds", 7),
        'config.pbtxt says {"max_queue_delay_microseconds": "7"}',
    ),
    "another queue": (
        lambda config: setattr(config.dynamic_batching.default_queue_policy, "max_queue_size", 7),
        '"default_queue_policy": {"max_queue_size": 7}',
    ),
    "instances": (
        lambda config: setattr(config.instance_group[0], "count", 3),
        "instance_group: turnout.yaml says 2 x KIND_CPU, config.pbtxt says 3 x KIND_CPU",
    ),
    "where instances are": (
        lambda config: setattr(config.instance_group[0], "kind", 1),
        "instance_group: turnout.yaml says 2 x KIND_CPU, config.pbtxt says 2 x KIND_GPU",
    ),
    "versions": (
        lambda config: setattr(config.version_policy.latest, "num_versions", 2),
        "version_policy: turnout.yaml says latest 1, config.pbtxt says latest 2",
    ),
    "all versions": (
        lambda config: config.version_policy.all.SetInParent(),
        "version_policy: turnout.yaml says latest 1, config.pbtxt says all",
    ),
    "a parameter": (
        lambda config: setattr(config.parameters["threads"], "string_value", "4"),
        "parameter 'threads': turnout.yaml says 1, config.pbtxt says 4",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_difference_is_named_with_both_sides_and_what_to_do(project: Any, edit: Any, planted: str) -> None:
    change, message = PLANTED[planted]
    model, options = project.model(**DECLARED), project.options(**GROUPS)
    project.configure(model, options)

    edit(change)
    found = project.check(model, options)

    assert any(message in text for _, text in found), found
    assert not any(ok for ok, _ in found)
    assert all("turnout export scale --config-only --force-config" in text for _, text in found)
    project.configure(model, options, overwrite=True)
    assert project.check(model, options) == [SAME]


def test_exactly_one_difference_is_one_finding(project: Any, edit: Any) -> None:
    project.configure(project.model(), project.options())

    edit(lambda config: setattr(config, "max_batch_size", 16))

    [(ok, text)] = project.check(project.model(), project.options())
    assert (ok, text) == (
        False,
        (
            "max_batch_size: turnout.yaml says 8, config.pbtxt says 16; correct one of them, or replace the file, which was "
            "written by hand: turnout export scale --config-only --force-config"
        ),
    )


def test_a_changed_turnout_yaml_needs_a_new_config(project: Any) -> None:
    project.configure(project.model(), project.options())

    changed = project.options(model_config={"optimization": {"graph": {"level": 2}}})
    [(ok, text)] = project.check(project.model(), changed)

    assert not ok
    assert text == (
        'optimization: turnout.yaml says {"graph": {"level": 2}}, config.pbtxt says {}; '
        "write config.pbtxt again: turnout export scale --config-only"
    )


def test_a_warm_up_that_was_removed_from_turnout_yaml_is_a_difference_of_a_generated_config(project: Any) -> None:
    project.configure(project.model(), project.options(model_config={"model_warmup": [{"data": "zero"}]}))

    [(ok, text)] = project.check(project.model(), project.options())

    assert not ok
    assert text.startswith("model_warmup: turnout.yaml says none, config.pbtxt says [{")


def test_warm_up_data_that_is_not_the_recorded_one_is_named(project: Any) -> None:
    (project.folder / "recorded").mkdir()
    np.savez(project.folder / "recorded" / "one.npz", x=np.ones((2, 3), np.float32))
    model, options = project.model(), project.options(model_config={"model_warmup": [{"recorded": "recorded"}]})
    project.configure(model, options)
    assert project.check(model, options) == [SAME]
    data = project.repository / "scale" / "warmup" / "0-one.0.raw"

    data.write_bytes(b"\0" * 12)
    [(_, changed)] = project.check(model, options)
    data.unlink()
    [(_, missing)] = project.check(model, options)

    assert changed.startswith("warm-up data 'warmup/0-one.0.raw': turnout.yaml says sha256 ")
    assert "config.pbtxt says no file; write config.pbtxt again: turnout export scale --config-only" in missing
    project.configure(model, options)
    assert project.check(model, options) == [SAME]


def test_a_hand_written_config_may_say_more_than_turnout_yaml_can(project: Any, edit: Any) -> None:
    project.configure(project.model(), project.options())

    def add(config: Any) -> None:
        config.optimization.graph.level = 1
        config.parameters["more"].string_value = "1"
        config.model_warmup.add(name="mine")
        config.response_cache.enable = True

    edit(add)

    assert project.check(project.model(), project.options()) == [SAME]


def test_a_file_that_contradicts_turnout_yaml_is_named(project: Any) -> None:
    project.configure(project.model(), project.options())
    declared = project.model(inputs=(TensorSpec("x", "FP32", (-1, 4)),))

    [(ok, text)] = project.check(declared, project.options())

    assert not ok
    assert "turnout.yaml declares input 'x' as FP32 [-1, 4], model.onnx has FP32 [-1, 3]" in text


def test_another_model_file_than_the_config_was_written_for_is_named(project: Any, save_model: Any) -> None:
    project.configure(project.model(), project.options())
    x, y = ("x", TensorProto.FLOAT, ["rows", 5]), ("y", TensorProto.FLOAT, ["rows", 5])
    save_model(project.repository / "scale" / "2" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], [x], [y])

    found = project.check(project.model(), project.options())

    assert [text.partition(";")[0] for _, text in found] == [
        "input 'x': model.onnx has FP32 [5], config.pbtxt says FP32 [3]",
        "output 'y': model.onnx has FP32 [5], config.pbtxt says FP32 [3]",
    ]


@pytest.mark.parametrize(("serves", "ok"), [(True, False), (False, True)])
def test_a_missing_config_fails_a_model_that_triton_serves(project: Any, serves: bool, ok: bool) -> None:
    [found] = project.check(project.model(), project.options(), serves=serves)

    assert found[0] is ok
    assert "there is no config.pbtxt in" in found[1]
    assert found[1].endswith("write it: turnout export scale --config-only")
    assert len(found[1].split("; ")) <= 5


def test_a_model_that_is_elsewhere_has_nothing_to_compare(project: Any) -> None:
    [(ok, text)] = project.check(project.model("elsewhere"), project.options())

    assert ok
    assert "has no version, so there is no config.pbtxt to compare" in text


def test_a_model_without_triton_is_compared_only_if_it_has_a_config(project: Any) -> None:
    assert project.check(project.model(), None, serves=False) == []
    project.configure(project.model())

    assert project.check(project.model(), None, serves=False) == [SAME]
    assert not project.check(project.model(max_batch_size=4), None, serves=False)[0][0]


@pytest.fixture
def python_model(project: Any) -> Any:
    """Return a project with a python model, whose file does not declare inputs and outputs."""
    folder = project.repository / "python"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.py").write_text("")
    (folder / "config.pbtxt").write_text(
        'backend: "python"\nmax_batch_size: 8\ninput { name: "x" data_type: TYPE_BOOL dims: [1] }\n'
        'output { name: "y" data_type: TYPE_BOOL dims: [1] }\n'
    )
    return project


BOOL = {"inputs": (TensorSpec("x", "BOOL", (-1, 1)),), "outputs": (TensorSpec("y", "BOOL", (-1, 1)),)}
OTHER = {"inputs": (TensorSpec("x", "INT8", (-1, 1)),)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, []),
        (BOOL, []),
        ({"max_batch_size": 4}, ["max_batch_size: turnout.yaml says 4, config.pbtxt says 8"]),
        (OTHER, ["input 'x': turnout.yaml says INT8 [1], config.pbtxt says BOOL [1]"]),
        ({"dynamic_batching": DynamicBatching()}, ["dynamic_batching: turnout.yaml says {}, config.pbtxt says none"]),
    ],
)
def test_a_python_model_is_compared_as_far_as_it_is_declared(python_model: Any, settings: Any, message: list[str]) -> None:
    found = python_model.check(python_model.model("python", **settings), python_model.options())

    assert [text.partition(";")[0] for ok, text in found if not ok] == message
    assert (found == [SAME]) is not bool(message)


def test_a_broken_config_is_named(project: Any) -> None:
    project.config_file().write_text("max_batch_size: eight")

    [(ok, text)] = project.check(project.model(), project.options())

    assert not ok
    assert "cannot be read as a model config" in text


@pytest.mark.parametrize("scheme", ["", "http://"])
@pytest.mark.parametrize(("deep", "serves", "ok"), [(False, True, True), (True, True, False), (True, False, True)])
def test_a_server_that_is_not_there_fails_only_a_deep_check_of_what_it_serves(
    project: Any, scheme: str, deep: bool, serves: bool, ok: bool
) -> None:
    project.configure(project.model(), project.options())
    start = time.monotonic()

    found = project.check(project.model(), project.options(url=f"{scheme}127.0.0.1:1"), deep=deep, serves=serves)

    assert time.monotonic() - start < 5
    assert found[0][0] is ok
    assert found[0][1].startswith(f"server '{scheme}127.0.0.1:1' was not reached within 1 s: ")
    assert found[1:] == [SAME]


@pytest.fixture(params=["grpc", "http"])
def live(request: pytest.FixtureRequest, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a copy of the served project, which a test may change, and the url of the server, which serves the original."""
    monkeypatch.setattr(server_config, "TIMEOUT_SECONDS", 20.0)  # a busy machine answers later than within 1 s
    project, server = served
    copy = type(project)(tmp_path)
    shutil.copytree(project.folder, copy.folder, dirs_exist_ok=True)
    url = server.grpc_url if request.param == "grpc" else f"http://{server.http_url.split('://')[-1]}"
    return copy, url


MODEL_CONFIG = {
    "instance_group": [{"count": 2}],
    "parameters": {"intra_op_thread_count": 1},
    "model_warmup": [{"recorded": "recorded"}, {"data": "random", "batch_size": 8}, {"data": "zero"}],
}


def _scale(project: Any, url: str, **settings: Any) -> Any:
    return project.options(url=url, model_config=MODEL_CONFIG | settings)


def test_a_server_with_the_same_configs_has_no_difference(live: Any) -> None:
    project, url = live
    options = {"scale": _scale(project, url), "both": project.options(url=url, ensemble=["scale", "shift"])}

    for name in ("scale", "shift", "rows", "both"):
        found = project.check(project.model(name), options.get(name, project.options(url=url)), deep=True)

        assert found == [(True, f"the same in turnout.yaml, config.pbtxt and server {url} (version 1)")], name


SERVER: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "max_batch_size": (
        {"max_batch_size": 16},
        {},
        "max_batch_size: turnout.yaml says 16, config.pbtxt says 16, server {} says 8",
    ),
    "dynamic_batching": (
        {"dynamic_batching": BATCHING},
        {},
        (
            'dynamic_batching: turnout.yaml says {{"max_queue_delay_microseconds": "100"}}, config.pbtxt says '
            '{{"max_queue_delay_microseconds": "100"}}, server {} says none'
        ),
    ),
    "instance_group": (
        {},
        {"instance_group": [{"count": 3}]},
        "instance_group: turnout.yaml says 3 x KIND_AUTO, config.pbtxt says 3 x KIND_AUTO, server {} says 2 x KIND_CPU",
    ),
    "version_policy": (
        {},
        {"version_policy": {"all": {}}},
        "version_policy: turnout.yaml says all, config.pbtxt says all, server {} says latest 1",
    ),
    "parameter": (
        {},
        {"parameters": {"intra_op_thread_count": 2}},
        "parameter 'intra_op_thread_count': turnout.yaml says 2, config.pbtxt says 2, server {} says 1",
    ),
    "model_warmup": ({}, {"model_warmup": []}, "model_warmup: turnout.yaml says none, config.pbtxt says none, server {} says"),
    "optimization": (
        {},
        {"optimization": {"graph": {"level": 1}}},
        'optimization: turnout.yaml says {{"graph": {{"level": 1}}}}, config.pbtxt says {{"graph": {{"level": 1}}}}, server {}',
    ),
}


@pytest.mark.parametrize("planted", SERVER)
def test_a_server_that_runs_something_else_is_named_with_all_three_sides(live: Any, planted: str) -> None:
    project, url = live
    settings, config, message = SERVER[planted]
    model, options = project.model(**settings), _scale(project, url, **config)
    project.configure(model, options)

    [(ok, text)] = project.check(model, options)

    assert not ok
    assert text.startswith(message.format(url))
    assert text.endswith("; load the model again on the server, or correct turnout.yaml")


def test_a_server_that_tries_a_gpu_model_on_the_cpu_is_not_told_to_load_it_again_only(live: Any) -> None:
    project, url = live
    group = {"model_config": {"instance_group": [{"count": 1, "kind": "KIND_GPU", "gpus": [0]}]}}
    options = project.options(**group, url=url)
    project.configure(project.model(), options)

    texts = [text for ok, text in project.check(project.model(), options) if not ok and text.startswith("instance_group: ")]

    assert len(texts) == 1
    assert "; right for a try with 'turnout triton serve --cpu'; else load" in texts[0]


def test_tensors_that_differ_on_the_server_are_named(live: Any, save_model: Any) -> None:
    project, url = live
    x, y = ("x", TensorProto.DOUBLE, ["rows", 3]), ("out", TensorProto.DOUBLE, ["rows", 3])
    save_model(project.repository / "scale" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["out"])], [x], [y])
    model, options = project.model(), _scale(project, url, model_warmup=[])
    project.configure(model, options)

    found = [text.partition(";")[0] for _, text in project.check(model, options)]

    assert f"input 'x': model.onnx has FP64 [3], config.pbtxt says FP64 [3], server {url} says FP32 [3]" in found
    assert f"output 'out': model.onnx has FP64 [3], config.pbtxt says FP64 [3], server {url} says none" in found
    assert f"output 'y': model.onnx has none, config.pbtxt says none, server {url} says FP32 [3]" in found


def test_another_platform_on_the_server_is_named(live: Any) -> None:
    project, url = live
    (project.repository / "scale" / "1" / "model.onnx").rename(project.repository / "scale" / "1" / "model.pt")
    model, options = project.model(**DECLARED | {"dynamic_batching": None}), _scale(project, url)
    project.configure(model, options)

    [(ok, text)] = project.check(model, options)

    assert not ok
    assert text.startswith(
        f"platform: model.pt needs pytorch_libtorch, config.pbtxt says pytorch_libtorch, server {url} says onnx"
    )


def test_a_version_that_the_server_has_not_loaded_is_named(live: Any) -> None:
    project, url = live
    shutil.copytree(project.repository / "scale" / "1", project.repository / "scale" / "2")

    [(ok, text)] = project.check(project.model(), _scale(project, url))

    assert not ok
    assert f"has [1, 2], of which config.pbtxt serves [2]; server {url} serves [1]; load the model again" in text


@pytest.mark.parametrize(("serves", "ok"), [(True, False), (False, True)])
def test_a_model_that_the_server_does_not_have_is_named(live: Any, serves: bool, ok: bool) -> None:
    project, url = live
    (project.repository / "scale").rename(project.repository / "new")
    project.configure(project.model("new"), project.options(url=url), overwrite=True)

    found = project.check(project.model("new"), project.options(url=url), serves=serves)

    assert found[0][0] is ok
    assert f"server {url!r} does not serve the model 'new': " in found[0][1]
    assert found[0][1].endswith("; load it there, or correct 'url' or 'model'")
    assert found[1:] == [SAME]


X = (TensorSpec("x", "FP32", (-1, 3)),)


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"max_batch_size": 0}, {}),
        ({"max_batch_size": 0, "inputs": X}, {}),
        ({"max_batch_size": 8, "inputs": X}, {}),
        ({"max_batch_size": 8}, {"model_config": {"instance_group": [{"count": 2}]}}),
    ],
)
def test_a_client_without_the_repository_may_leave_entries_open(
    project: Any, served: Any, settings: dict[str, Any], options: dict[str, Any]
) -> None:
    shutil.rmtree(project.repository)
    url = served[1].grpc_url

    found = project.check(project.model(**settings), project.options(url=url, **options), deep=True)

    assert found[1:] == [(True, f"the same in turnout.yaml and server {url} (version 1)")]
    assert found[0][0]


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ({"max_batch_size": 4}, {}, "max_batch_size: turnout.yaml says 4, server {} says 8"),
        (
            {"max_batch_size": 0, "inputs": (TensorSpec("x", "FP32", (3,)),)},
            {},
            "input 'x': turnout.yaml says FP32 [3], server {} says FP32 [-1, 3]",
        ),
        ({"inputs": (TensorSpec("w", "FP32", (-1, 3)),)}, {}, "input 'w': turnout.yaml says FP32 [3], server {} says none"),
        ({"dynamic_batching": DynamicBatching()}, {}, "dynamic_batching: turnout.yaml says {{}}, server {} says none"),
        (
            {},
            {"model_config": {"instance_group": [{"count": 3}]}},
            "instance_group: turnout.yaml says 3 x KIND_AUTO, server {} says 2 x KIND_CPU",
        ),
        (
            {},
            {"model_config": {"parameters": {"intra_op_thread_count": 5}}},
            "parameter 'intra_op_thread_count': turnout.yaml says 5, server {} says 1",
        ),
    ],
)
def test_the_entries_of_a_client_without_the_repository_are_compared(
    project: Any, served: Any, settings: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    shutil.rmtree(project.repository)
    url = served[1].grpc_url

    found = project.check(project.model(**settings), project.options(url=url, **options))

    assert [text.partition(";")[0] for ok, text in found if not ok][:1] == [message.format(url)]


def test_torchscript_with_a_recorded_warm_up_is_the_same_after_its_export(project: Any) -> None:
    (project.folder / "recorded").mkdir()
    np.savez(project.folder / "recorded" / "one.npz", x=np.ones((2, 3), np.float32))
    options = project.options(model_config={"model_warmup": [{"recorded": "recorded"}]})
    signature = ModelSignature(X, (TensorSpec("y", "FP32", (-1, 3)),))
    (project.repository / "scale" / "1" / "model.onnx").rename(project.repository / "scale" / "1" / "model.pt")

    project.configure(project.model(), options, version=2, file="model.pt", signature=signature)

    assert project.check(project.model(), options) == [SAME]
    assert "max_batch_size: turnout.yaml says 4" in project.check(project.model(max_batch_size=4), options)[0][1]


def test_each_of_several_servers_is_compared(served: Any) -> None:
    project, server = served
    urls = [server.grpc_url, "localhost:1"]

    found = project.check(project.model(), project.options(url=urls, model_config=MODEL_CONFIG))

    assert [ok for ok, _ in found] == [True]
    assert server.grpc_url in found[0][1]


def test_a_word_that_no_triton_knows_is_told_where_the_file_is_written_checked_and_read(project: Any) -> None:
    project.configure(project.model(), project.options())
    good = project.config_file().read_text()
    project.config_file().write_text(good + "max_batch_sise: 8\n")

    found = [one for one in project.check(project.model(), project.options()) if "max_batch_sise" in one[1]]

    assert len(found) == 1
    assert "correct its name" in found[0][1]
    project.config_file().write_text(good)
    assert project.check(project.model(), project.options()) == [SAME]
