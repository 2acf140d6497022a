"""Words of a config.pbtxt that turnout.yaml does not have: kept when the file is written from turnout.yaml, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import TensorProto, helper

from turnout import DynamicBatching
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import read_config

SAME = (True, "the same in turnout.yaml and config.pbtxt")
HAND_WRITTEN = """# Licence: ours
platform: "onnxruntime_onnx"
max_batch_size: 4  # measured
input [{ name: "x" data_type: TYPE_FP32 dims: [3] format: FORMAT_NONE allow_ragged_batch: true }]
input [{ name: "mask" data_type: TYPE_BOOL dims: [3] optional: true }]
output [{ name: "y" data_type: TYPE_FP32 dims: [3] label_filename: "labels.txt" }]
batch_input [{ kind: BATCH_ELEMENT_COUNT target_name: "count" data_type: TYPE_FP32 source_input: "x" }]
instance_group [{ count: 2 kind: KIND_CPU rate_limiter { resources [{ name: "R" count: 4 }] priority: 2 } }]
optimization { cuda { graphs: true } graph { level: 1 } }
parameters { key: "threads" value: { string_value: "4" } }
metric_tags { key: "team" value: "vision" }
response_cache { enable: true }
model_transaction_policy { decoupled: true }
model_warmup [{ name: "mine" inputs { key: "x" value { data_type: TYPE_FP32 dims: [3] zero_data: true } } }]
"""
KEPT = {
    "labels.txt": lambda config: config.output[0].label_filename == "labels.txt",
    "ragged": lambda config: config.input[0].allow_ragged_batch,
    "optional": lambda config: [one.name for one in config.input if one.optional] == ["mask"],
    "batch_input": lambda config: config.batch_input[0].target_name[0] == "count",
    "rate limiter": lambda config: config.instance_group[0].rate_limiter.resources[0].count == 4,
    "kind": lambda config: config.instance_group[0].kind == 2,
    "cuda": lambda config: config.optimization.cuda.graphs,
    "graph": lambda config: config.optimization.graph.level == 1,
    "parameter": lambda config: config.parameters["threads"].string_value == "4",
    "metric_tags": lambda config: config.metric_tags["team"] == "vision",
    "response_cache": lambda config: config.response_cache.enable,
    "decoupled": lambda config: config.model_transaction_policy.decoupled,
    "model_warmup": lambda config: config.model_warmup[0].name == "mine",
}


def replace(project: Any, text: str, model: Any = None, options: Any = None) -> Any:
    """Write a config.pbtxt by hand and replace it as ``--force-config`` does."""
    project.config_file().write_text(text)
    return project.configure(model or project.model(), options or project.options(), overwrite=True)


def test_every_word_that_turnout_yaml_does_not_have_survives_each_export(project: Any) -> None:
    replace(project, HAND_WRITTEN)
    project.configure(project.model(max_batch_size=16), project.options())
    project.configure(project.model(max_batch_size=16), project.options())

    found = read_config(project.config_file())
    assert found.generated
    assert [name for name, kept in KEPT.items() if not kept(found.config)] == []
    assert found.config.max_batch_size == 16
    assert project.check(project.model(max_batch_size=16), project.options()) == [SAME]


def test_what_was_replaced_and_what_was_kept_is_told(project: Any) -> None:
    notes = replace(project, HAND_WRITTEN).notes

    assert "scale/config.pbtxt: replaced max_batch_size: turnout.yaml says 8, config.pbtxt says 4" in notes
    assert any("replaced instance_group: turnout.yaml says 1 x KIND_CPU" in note for note in notes)
    [kept] = [note for note in notes if "kept what turnout.yaml does not say" in note]
    for word in ("model_transaction_policy", "response_cache", "settings of input 'mask'", "parameter 'threads'"):
        assert word in kept
    assert notes[-1] == "scale/config.pbtxt: its comments were moved to the beginning of the file"


def test_comments_are_kept_in_their_order_and_once(project: Any) -> None:
    replace(project, HAND_WRITTEN)
    first = project.config_file().read_text()
    project.configure(project.model(max_batch_size=2), project.options())
    project.configure(project.model(), project.options())

    assert project.config_file().read_text() == first
    assert read_config(project.config_file()).comments == ("# Licence: ours", "# measured")


def test_what_turnout_yaml_says_replaces_what_was_kept(project: Any) -> None:
    replace(project, HAND_WRITTEN)
    said = {"parameters": {"threads": 8}, "optimization": {"graph": {"level": 2}}, "instance_group": [{"kind": "KIND_AUTO"}]}

    project.configure(project.model(), project.options(model_config=said))
    project.configure(project.model(), project.options())

    config = read_config(project.config_file()).config
    assert (dict(config.parameters), config.optimization.cuda.graphs) == ({}, True)
    assert not config.optimization.HasField("graph")
    assert config.instance_group[0].kind == 0
    assert config.instance_group[0].rate_limiter.priority == 2


def test_a_parameter_that_left_turnout_yaml_leaves_the_file(project: Any) -> None:
    project.configure(project.model(), project.options(model_config={"parameters": {"threads": 8}}))

    project.configure(project.model(), project.options())

    assert dict(read_config(project.config_file()).config.parameters) == {}


SEQUENCE = 'platform: "onnxruntime_onnx"\nmax_batch_size: 8\nsequence_batching { oldest { max_candidate_sequences: 4 } }\n'


def test_sequence_batching_is_kept_and_refused_beside_dynamic_batching(project: Any) -> None:
    batched = project.model(dynamic_batching=DynamicBatching())

    with pytest.raises(ExportError, match=r"turnout.yaml says dynamic_batching, and config.pbtxt says sequence_batching"):
        replace(project, SEQUENCE, batched)
    [(ok, text)] = project.check(batched, project.options())
    assert project.config_file().read_text() == SEQUENCE
    replace(project, SEQUENCE)

    assert (ok, "remove dynamic_batching from turnout.yaml, or sequence_batching from config.pbtxt" in text) == (False, True)
    assert read_config(project.config_file()).config.sequence_batching.oldest.max_candidate_sequences == 4


def test_a_field_that_the_protobuf_classes_do_not_know_is_not_lost(project: Any) -> None:
    tomorrow = 'platform: "onnxruntime_onnx"\nmax_batch_size: 8\nfield_of_tomorrow { size: 3 }\n'

    with pytest.raises(ExportError, match=r"field_of_tomorrow.*install a newer one: replaced, it would be lost"):
        replace(project, tomorrow)

    assert project.config_file().read_text() == tomorrow


def test_a_file_that_cannot_be_read_is_replaced_and_the_loss_is_told(project: Any) -> None:
    notes = replace(project, 'name: "sca').notes

    assert notes == ("scale/config.pbtxt could not be read; nothing of it was kept",)


RESHAPED = """platform: "onnxruntime_onnx"
input [{ name: "x" data_type: TYPE_FP32 dims: [3] reshape { shape: [1, 3] } }]
output [{ name: "y" data_type: TYPE_FP32 dims: [-1, 1, 3] reshape { shape: [-1, 3] } }]
"""
CLIENT = {
    "max_batch_size": 0,
    "inputs": (TensorSpec("x", "FP32", (3,)),),
    "outputs": (TensorSpec("y", "FP32", (-1, 1, 3)),),
}


@pytest.mark.parametrize("settings", [CLIENT, {"max_batch_size": 0}])
def test_a_reshape_with_sizes_is_kept_and_turnout_yaml_has_the_clients_shape(project: Any, settings: dict[str, Any]) -> None:
    model = project.model(**settings)
    project.config_file().write_text(RESHAPED)
    assert project.check(model, project.options()) == [SAME]

    project.configure(model, project.options(), overwrite=True)

    config = read_config(project.config_file()).config
    assert (list(config.input[0].dims), list(config.input[0].reshape.shape)) == ([3], [1, 3])
    assert project.check(model, project.options()) == [SAME]


def test_a_reshape_that_the_file_does_not_take_is_named(project: Any) -> None:
    project.config_file().write_text(RESHAPED.replace("[1, 3]", "[3, 1]"))

    [(ok, text)] = project.check(project.model(**CLIENT), project.options())

    assert not ok
    assert "config.pbtxt reshapes 'x' to [3, 1], and model.onnx has FP32 [-1, 3]; correct 'reshape' in config.pbtxt" in text


def test_a_declaration_that_is_not_what_a_reshape_takes_is_refused(project: Any) -> None:
    (project.repository / "scale" / "1" / "model.onnx").rename(project.repository / "scale" / "1" / "model.py")
    project.config_file().write_text(RESHAPED.replace('platform: "onnxruntime_onnx"', 'backend: "python"'))
    other = project.model(max_batch_size=0, inputs=(TensorSpec("x", "FP32", (4,)),))

    with pytest.raises(ExportError, match=r"reshapes input 'x' to \[1, 3\], and turnout.yaml declares it as \[4\]"):
        project.configure(other, project.options(), overwrite=True)


def test_a_short_config_is_what_triton_completes_it_to(project: Any) -> None:
    project.config_file().write_text('backend: "onnxruntime"\n')

    same = project.check(project.model(max_batch_size=4, dynamic_batching=DynamicBatching()), project.options())
    [*other] = project.check(project.model(max_batch_size=8), project.options())

    assert same == [SAME]
    assert "max_batch_size: turnout.yaml says 8, config.pbtxt says 4" in other[0][1]


def test_a_size_that_a_hand_written_file_fixes_stays_while_turnout_yaml_declares_no_inputs(
    project: Any, save_model: Any
) -> None:
    x, y = ("x", TensorProto.FLOAT, ["rows", "any"]), ("y", TensorProto.FLOAT, ["rows", "any"])
    save_model(project.repository / "scale" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], [x], [y])
    narrow = """platform: "onnxruntime_onnx"
max_batch_size: 8
input [{ name: "x" data_type: TYPE_FP32 dims: [5] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [-1] }]
"""
    project.config_file().write_text(narrow)
    assert project.check(project.model(), project.options()) == [SAME]

    project.configure(project.model(), project.options(), overwrite=True)
    project.configure(project.model(), project.options())
    kept = list(read_config(project.config_file()).config.input[0].dims)
    project.configure(project.model(inputs=(TensorSpec("x", "FP32", (-1, -1)),)), project.options())

    assert kept == [5]
    assert list(read_config(project.config_file()).config.input[0].dims) == [-1]


def test_an_output_narrower_than_the_file_is_named_and_a_container_would_not_load_it(project: Any, save_model: Any) -> None:
    x, y = ("x", TensorProto.FLOAT, ["rows", 3]), ("y", TensorProto.FLOAT, ["rows", "any"])
    save_model(project.repository / "scale" / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], [x], [y])
    project.config_file().write_text(RESHAPED.split("input", maxsplit=1)[0] + NARROW_OUTPUT)

    [(ok, text)] = project.check(project.model(), project.options())

    assert not ok
    assert text.startswith("output 'y': model.onnx has FP32 [-1], config.pbtxt says FP32 [3]")


NARROW_OUTPUT = """max_batch_size: 8
input [{ name: "x" data_type: TYPE_FP32 dims: [3] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [3] }]
"""
