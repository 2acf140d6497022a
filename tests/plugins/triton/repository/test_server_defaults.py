"""What a server fills into a config is no difference: many short configs, each on a real server, and planted differences."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper
from tests.plugins.triton.repository.conftest import Project, save, save_scale
from tests.plugins.triton.repository.public_ensembles import ZEROS
from tests.plugins.triton.repository.test_public_ensembles import failures, init

from turnout import InferenceRequest, ModelDeclaration
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.repository.config_entries import entries_of
from turnout_triton.repository.config_file import new_config
from turnout_triton.repository.server_defaults import as_asked

X, Y = 'input [{ name: "x" data_type: TYPE_FP32 dims: [3] }]\n', 'output [{ name: "y" data_type: TYPE_FP32 dims: [3] }]\n'
XY = f'platform: "onnxruntime_onnx"\nmax_batch_size: 8\n{X}{Y}'
RESHAPED = (
    'input [{ name: "x" data_type: TYPE_FP32 dims: [6] reshape { shape: [2, 3] } }]\n'
    'output [{ name: "y" data_type: TYPE_FP32 dims: [6] reshape { shape: [2, 3] } }]\n'
)
ONNX: dict[str, str | bytes] = {
    "no_group": XY,
    "backend_only": 'backend: "onnxruntime"\n',
    "no_batching": XY.replace("max_batch_size: 8\n", "").replace("[3]", "[-1, 3]"),
    "inputs_only": f'backend: "onnxruntime"\nmax_batch_size: 2\n{X}',
    "auto": f"{XY}instance_group [{{ kind: KIND_AUTO }}]\n",
    "cpu": f"{XY}instance_group [{{ kind: KIND_CPU }}]\n",
    "three": f"{XY}instance_group [{{ count: 3 }}]\n",
    "one_of_two": f'{XY}instance_group [{{ name: "a" kind: KIND_CPU count: 1 }}, {{ kind: KIND_CPU }}]\n',
    "limited": f"{XY}instance_group [{{ count: 1 rate_limiter {{ priority: 2 }} }}]\n",
    "batching": f"{XY}dynamic_batching {{ }}\n",
    "preferred": f"{XY}dynamic_batching {{ preferred_batch_size: [2, 4] max_queue_delay_microseconds: 100 }}\n",
    "queue": f"{XY}dynamic_batching {{ default_queue_policy {{ max_queue_size: 9 }} preserve_ordering: true }}\n",
    "policy": f"{XY}version_policy {{ latest {{ num_versions: 1 }} }}\n",
    "every": f"{XY}version_policy {{ all {{ }} }}\n",
    "file": f'{XY}default_model_filename: "model.onnx"\n',
    "unpinned": f"{XY}optimization {{ input_pinned_memory {{ enable: false }} graph {{ }} }}\n",
    "cached": f"{XY}response_cache {{ enable: false }}\nmodel_transaction_policy {{ }}\n",
    "same_shape": XY.replace("dims: [3]", "dims: [3] reshape { shape: [3] }"),
    "reshaped": f'platform: "onnxruntime_onnx"\nmax_batch_size: 8\n{RESHAPED}',
    "reshaped_whole": f'platform: "onnxruntime_onnx"\n{RESHAPED.replace("[2, 3]", "[1, 2, 3]")}',
    "latin": f"# Größe\n{XY}".encode("latin-1"),
    "gbk": f'{XY}# 模型\nparameters {{ key: "note" value {{ string_value: "1" }} }}\n'.encode("gbk"),
    "latin_text": f'{XY}parameters {{ key: "note" value {{ string_value: "Größe" }} }}\n'.encode("latin-1"),
    "single": 'backend: "onnxruntime"\n',
    "single_output": f'backend: "onnxruntime"\nmax_batch_size: 4\n{X.replace("[3]", "[1] reshape { shape: [] }")}',
    "windows": XY.replace("\n", "\r\n"),
}
PYTHON = {
    "python_short": f'backend: "python"\n{X}{Y}',
    "python_batch": f'backend: "python"\nmax_batch_size: 4\ndynamic_batching {{ }}\n{X}{Y}',
    "python_urgent": f'backend: "python"\nmax_batch_size: 4\noptimization {{ priority: PRIORITY_MAX }}\n{X}{Y}',
    "python_ragged": f'backend: "python"\nmax_batch_size: 4\n{X.replace("dims", "allow_ragged_batch: true dims")}{Y}',
}
SEQUENCES = {
    "python_direct": f'backend: "python"\nmax_batch_size: 4\nsequence_batching {{ }}\n{X}{Y}',
    "python_idle": f'backend: "python"\nmax_batch_size: 4\nsequence_batching {{ max_sequence_idle_microseconds: 9 }}\n{X}{Y}',
    "python_oldest": (
        f'backend: "python"\nmax_batch_size: 4\nsequence_batching {{ oldest {{ max_candidate_sequences: 4 }} }}\n{X}{Y}'
    ),
}


def write(repository: Path) -> None:
    for name, text in ONNX.items():
        if name.startswith("reshaped"):
            node, sizes = helper.make_node("Identity", ["x"], ["y"]), [1 if name.endswith("whole") else "rows", 2, 3]
            tensors = [(tensor, TensorProto.FLOAT, sizes) for tensor in "xy"]
            save(repository / name / "1" / "model.onnx", [node], tensors[:1], tensors[1:])
        elif name.startswith("single"):
            node, tensors = (
                helper.make_node("Identity", ["x"], ["y"]),
                [(tensor, TensorProto.FLOAT, ["rows"]) for tensor in "xy"],
            )
            save(repository / name / "1" / "model.onnx", [node], tensors[:1], tensors[1:])
        else:
            save_scale(repository / name)
        (repository / name / "config.pbtxt").write_bytes(text if isinstance(text, bytes) else text.encode())
    for name, text in (PYTHON | SEQUENCES).items():
        (repository / name / "1").mkdir(parents=True)
        (repository / name / "config.pbtxt").write_text(text)
        (repository / name / "1" / "model.py").write_text(ZEROS)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Yield a folder with a repository of short configs, and the URL of a real server that serves it."""
    from turnout_triton.server import LocalServer, ServerOptions

    folder = tmp_path_factory.mktemp("short")
    write(folder / "repository")
    with LocalServer(folder / "repository", ServerOptions(trust=True, grace_seconds=0)) as server:
        yield folder, server.grpc_url


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout_triton.repository.server_config.TIMEOUT_SECONDS", 20.0)


def test_what_a_server_fills_in_is_no_difference(short: Any) -> None:
    folder, url = short
    loaded = init(folder / "app", folder / "repository", url)

    found = {name: failures(loaded, name, deep=True) for name in loaded.settings.models}

    assert {name: texts for name, texts in found.items() if texts} == {}
    assert set(found) >= ONNX.keys() - {"backend_only", "inputs_only"}


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_scheduler_of_sequences_is_compared_without_its_defaults(short: Any, tmp_path: Path, name: str) -> None:
    folder, url = short
    project = Project(tmp_path)
    shutil.copytree(folder / "repository" / name, project.repository / name)
    model, options = project.model(name, max_batch_size=4), project.options(url=url)
    assert [ok for ok, _ in project.check(model, options)] == [True]

    other = project.config_file(name).read_text().replace("sequence_batching {", "sequence_batching { iterative_sequence: true")
    project.config_file(name).write_text(other)

    assert [text.partition(":")[0] for _, text in project.check(model, options)] == ["sequence_batching"]


PLANTED = {
    "another count": ("no_group", "instance_group [{ count: 3 }]\n", "instance_group: "),
    "a limit": ("cpu", "instance_group [{ kind: KIND_CPU rate_limiter { priority: 7 } }]\n", "instance_group: "),
    "a policy": ("no_group", "model_transaction_policy { decoupled: true }\n", "model_transaction_policy: "),
    "a cache": ("no_group", "response_cache { enable: true }\n", "response_cache: "),
    "a tag": ("no_group", 'metric_tags { key: "a" value: "b" }\n', "metric_tags: "),
    "pinned memory": ("no_group", "optimization { input_pinned_memory { enable: false } }\n", "optimization: "),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_the_server_would_do_otherwise_is_a_difference(short: Any, tmp_path: Path, planted: str) -> None:
    folder, url = short
    name, more, message = PLANTED[planted]
    shutil.copytree(folder / "repository" / name, tmp_path / "repository" / name)
    file = tmp_path / "repository" / name / "config.pbtxt"
    file.write_text(XY + more)

    found = failures(init(tmp_path / "app", tmp_path / "repository", url), name, deep=True)

    assert [text for text in found if text.startswith(message) and f"server {url} says" in text], found


@pytest.mark.parametrize(("name", "shape"), [("reshaped", (2, 6)), ("reshaped_whole", (6,))])
def test_a_client_sends_the_shape_before_a_reshape(short: Any, name: str, shape: tuple[int, ...]) -> None:
    folder, url = short
    loaded = init(folder / "app", folder / "repository", url)
    settings = loaded.settings.models[name]
    model = open_model(settings.declaration(name, loaded.folder), loaded.backend_options[name, "triton"])
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)

    try:
        y = model.infer(InferenceRequest({"x": x}))["y"]
    finally:
        model.close()

    assert settings.inputs == {"x": "FP32[6]"}
    assert list(settings.backends) == ["triton"]
    np.testing.assert_array_equal(y, x)


def test_a_text_with_broken_bytes_is_read_as_the_server_reads_it(short: Any, project: Project) -> None:
    folder, url = short
    shutil.copytree(folder / "repository" / "latin_text", project.repository / "latin_text")
    model = ModelDeclaration("latin_text", project.folder, max_batch_size=8)
    options = TritonOptions.model_validate({"url": url})

    noted, compared = project.check(model, options)

    assert noted[0]
    assert "bytes that are not UTF-8; save the file as UTF-8; this part was not compared" in noted[1]
    assert compared == (True, f"the same in turnout.yaml, config.pbtxt and server {url} (version 1)")


def config(text: str) -> Any:
    return text_format.Parse(text, new_config())


@pytest.mark.parametrize(
    ("asked", "running"),
    [
        ("", "instance_group { name: 'm_0' kind: KIND_GPU count: 1 gpus: [0, 1] }"),
        ("instance_group { count: 2 }", "instance_group { kind: KIND_GPU count: 2 gpus: [0] }"),
        ("instance_group { kind: KIND_GPU }", "instance_group { kind: KIND_GPU count: 1 gpus: [0] }"),
    ],
)
def test_a_server_with_gpus_fills_in_its_own(asked: str, running: str) -> None:
    head = "name: 'm' backend: 'onnxruntime' "

    assert as_asked(config(head + running), config(head + asked)).instance_group == config(asked).instance_group


@pytest.mark.parametrize(
    ("asked", "running"),
    [
        ("", "instance_group { kind: KIND_CPU count: 1 }"),
        ("instance_group { count: 2 }", "instance_group { kind: KIND_CPU count: 1 }"),
        ("instance_group { kind: KIND_GPU count: 1 }", "instance_group { kind: KIND_CPU count: 1 }"),
        ("instance_group { kind: KIND_GPU count: 1 gpus: [1] }", "instance_group { kind: KIND_GPU count: 1 gpus: [0] }"),
        ("instance_group { count: 1 }", "instance_group { kind: KIND_CPU count: 1 passive: true }"),
    ],
)
def test_another_group_than_a_server_fills_in_stays(asked: str, running: str) -> None:
    head = "name: 'm' backend: 'onnxruntime' "

    assert as_asked(config(head + running), config(head + asked)).instance_group == config(running).instance_group


@pytest.mark.parametrize(
    ("asked", "running"),
    [
        ("backend: 'tensorrt'", "backend: 'tensorrt' platform: 'tensorrt_plan' default_model_filename: 'model.plan'"),
        ("platform: 'tensorrt_plan'", "backend: 'tensorrt' platform: 'tensorrt_plan' default_model_filename: 'model.plan'"),
        (
            "platform: 'tensorflow_savedmodel'",
            "platform: 'tensorflow_savedmodel' backend: 'tensorflow' instance_group { kind: KIND_CPU count: 2 }",
        ),
        ("backend: 'openvino'", "backend: 'openvino' default_model_filename: 'model.xml'"),
        ("backend: 'dali'", "backend: 'dali' default_model_filename: 'model.dali'"),
    ],
)
def test_a_server_fills_in_platform_backend_and_file(asked: str, running: str) -> None:
    assert entries_of(as_asked(config(running), config(asked)), "m") == entries_of(config(asked), "m")


def test_another_file_than_a_server_fills_in_stays() -> None:
    asked, running = "platform: 'tensorrt_plan'", "platform: 'tensorrt_plan' default_model_filename: 'model.onnx'"

    assert entries_of(as_asked(config(running), config(asked)), "m") != entries_of(config(asked), "m")
