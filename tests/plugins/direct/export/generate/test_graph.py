from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout.tensors import TensorSpec
from turnout_direct.export.generate.decoding import DecodingLoop, python_loop
from turnout_direct.export.generate.graph import generate_traceable
from turnout_direct.export.module import export_module
from turnout_direct.export.onnx import Onnx, export_onnx
from turnout_direct.options import DirectOptions

LENGTH, END, PAD = 16, 2, 0
SEEDS = {"BlipForConditionalGeneration": 0, "BlipForQuestionAnswering": 2}


class Exported(NamedTuple):
    """A model with the file that was made of it."""

    model: Any
    file: Path
    session: onnxruntime.InferenceSession
    signature: ModelSignature

    def answer(self, batch: Any) -> np.ndarray:
        return self.session.run(["generated_ids"], batch.arrays())[0]


def open_session(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def options_of(class_name: str = "BlipForConditionalGeneration", **generate: Any) -> DirectOptions:
    settings = {"loader": "transformers", "class": class_name, "checkpoint": "checkpoint"}
    return DirectOptions(**settings, method="generate", generate=generate)


@pytest.fixture(scope="session", params=SEEDS)
def exported(request, blip, tmp_path_factory) -> Exported:
    folder = tmp_path_factory.mktemp(request.param)
    model = blip(request.param, SEEDS[request.param])
    model.save_pretrained(folder / "checkpoint")
    file = folder / "model.onnx"
    options = options_of(request.param, max_length=LENGTH)
    signature = export_onnx(ExportRequest(ModelDeclaration("blip", folder), options, file))
    return Exported(model, file, open_session(file), signature)


@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_the_graph_answers_each_row_as_transformers_does_alone(exported, rows, batch_of, alone, differing):
    for seed, longest in enumerate((2, 3, 7, 12)):
        batch = batch_of(10 * rows + seed, rows, longest)

        assert differing(exported.answer(batch), alone(exported.model, batch, LENGTH)) == []


def test_the_answers_compared_are_telling(exported, batch_of, telling):
    answers = [
        exported.answer(batch_of(10 * rows + seed, rows, longest))
        for rows in (5, 8)
        for seed, longest in enumerate((2, 3, 7, 12))
    ]

    telling(np.concatenate(answers))


def test_a_sabotaged_graph_is_noticed(exported, batch_of, alone, differing, tmp_path):
    model = onnx.load(str(exported.file))
    loop = next(node for node in model.graph.node if node.op_type == "Loop")
    (body,) = (attribute.g for attribute in loop.attribute if attribute.name == "body")
    largest = next(node for node in body.node if node.op_type == "ArgMax")
    largest.op_type = "ArgMin"
    onnx.save(model, str(tmp_path / "bad.onnx"))
    batch = batch_of(0, 4, 5)

    got = open_session(tmp_path / "bad.onnx").run(["generated_ids"], batch.arrays())[0]

    assert differing(got, alone(exported.model, batch, LENGTH))


def test_padding_a_batch_further_changes_no_answer(exported, batch_of, differing):
    batch = batch_of(4, 5, 6)
    wider = {name: array if array.ndim == 4 else np.pad(array, ((0, 0), (0, 9))) for name, array in batch.arrays().items()}

    assert differing(exported.session.run(None, wider)[0], exported.answer(batch)) == []


def test_the_graph_has_the_declared_contract(exported):
    assert exported.signature == ModelSignature(
        inputs=(
            TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32)),
            TensorSpec("input_ids", "INT64", (-1, -1)),
            TensorSpec("attention_mask", "INT64", (-1, -1)),
        ),
        outputs=(TensorSpec("generated_ids", "INT64", (-1, LENGTH)),),
    )


def test_the_file_is_one_graph_that_onnxruntime_1_19_reads(exported):
    model = onnx.load(str(exported.file))

    assert model.ir_version <= 10
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 20}
    assert [node.op_type for node in model.graph.node].count("Loop") == 1
    assert [path.name for path in exported.file.parent.glob("model*")] == ["model.onnx"]


def test_the_file_holds_the_weights_once_with_little_around_them(exported):
    weights = sum(weight.numel() * 4 for weight in exported.model.parameters())

    assert exported.file.stat().st_size < weights + 60_000


def test_a_declaration_of_pictures_alone_gives_a_graph_without_prompts(blip, batch_of, differing, alone, file):
    model = blip("BlipForConditionalGeneration", 0)
    declared = ModelDeclaration("blip", inputs=(TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32)),))

    signature = export_module(declared, options_of(max_length=LENGTH), model, file, Onnx())

    assert signature.inputs == declared.inputs
    for rows in (1, 4):
        batch = batch_of(rows, rows, 2)
        got = open_session(file).run(None, {"pixel_values": batch.pixel_values.numpy()})[0]
        assert differing(got, alone(model, batch, LENGTH)) == []


def test_the_proof_after_an_export_compares_with_each_row_alone(exported, batch_of, alone, differing):
    traceable = generate_traceable(ModelDeclaration("blip"), options_of(max_length=LENGTH), exported.model)

    pictures, ids, mask = traceable.example(3)

    assert sorted(set(mask.sum(1).tolist())) == [7, 8, 9]
    batch = replace(batch_of(0, 3, 9), pixel_values=pictures, input_ids=ids, attention_mask=mask)
    assert differing(traceable.answer(pictures, ids, mask)[0], alone(exported.model, batch, LENGTH)) == []


def test_new_tokens_are_counted_behind_each_rows_own_prompt(blip, batch_of):
    model, batch = blip("BlipForConditionalGeneration", 4), batch_of(0, 5, 7)
    lengths = (("input_ids", "INT64", (-1, 7)), ("attention_mask", "INT64", (-1, 7)))
    inputs = (TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32)), *(TensorSpec(*spec) for spec in lengths))

    traceable = generate_traceable(ModelDeclaration("blip", inputs=inputs), options_of(max_new_tokens=4), model)

    got = DecodingLoop(traceable.decoding, python_loop)(*batch.tensors())[0]
    want = traceable.answer(*batch.tensors())[0]
    assert got.shape == (5, 6 + 4)
    assert got.tolist() == want.tolist()
    assert len(set((got != PAD).sum(1).tolist())) > 1
