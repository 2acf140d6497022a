from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout.tensors import TensorSpec
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.export.generate.generate_traceable import generate_traceable
from turnout_direct.export.generate.loop import DecodingLoop, python_loop
from turnout_direct.export.module_export import export_module
from turnout_direct.export.onnx import Onnx, export_onnx
from turnout_direct.export.torchscript import TorchScript, export_torchscript
from turnout_direct.options import DirectOptions

LENGTH, END, PAD = 20, 2, 0
CAPTIONER, ANSWERER = "BlipForConditionalGeneration", "BlipForQuestionAnswering"
OPT, T5 = "Blip2ForConditionalGeneration/opt", "Blip2ForConditionalGeneration/t5"
# class -> the seed of its weights, the number of image tokens in a prompt
MODELS = {CAPTIONER: (0, 0), ANSWERER: (2, 0), OPT: (5, 4), T5: (4, 4)}
SEARCHES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "beams": {"num_beams": 3, "length_penalty": 0.6},
    "early": {"num_beams": 2, "early_stopping": True},
    "never": {"num_beams": 4, "early_stopping": "never"},
}
FORMATS: dict[str, Any] = {"onnx": (Onnx(), export_onnx), "torchscript": (TorchScript(), export_torchscript)}
# An ONNX graph takes ten seconds to write, TorchScript one: a commit writes one class as ONNX, all as TorchScript, and the
# other ways to stop for one class; tests/demo/test_reader.py writes beams as ONNX.
EXPORTS = [(CAPTIONER, "greedy", "onnx"), *((CAPTIONER, search, "torchscript") for search in SEARCHES)]
EXPORTS += [(name, search, "torchscript") for name in (ANSWERER, OPT, T5) for search in ("greedy", "beams")]
CAMPAIGN = [(CAPTIONER, "beams", "onnx")]
CAMPAIGN += [(name, search, "onnx") for name in (ANSWERER, OPT, T5) for search in ("greedy", "beams")]
CAMPAIGN += [(name, search, "torchscript") for name in (ANSWERER, OPT, T5) for search in ("early", "never")]
PROMPTS = (3, 7, 12)


@dataclass(frozen=True)
class Exported:
    """A model with its exported file."""

    name: str
    model: Any
    search: dict[str, Any]
    images: int
    form: str
    file: Path
    signature: ModelSignature
    answer: Callable[[Any], np.ndarray]


def open_file(file: Path, form: str) -> Callable[[Any], np.ndarray]:
    if form == "torchscript":
        with allow_torchscript():
            module = torch.jit.load(str(file))
        return lambda batch: torch.inference_mode()(module)(*batch.tensors()).numpy()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(["generated_ids"], batch.arrays())[0]


def options_of(class_name: str = CAPTIONER, **generate: Any) -> DirectOptions:
    source = {"loader": "transformers", "class": class_name.partition("/")[0], "checkpoint": "checkpoint"}
    return DirectOptions(**source, method="generate", generate=generate)


@pytest.fixture(
    scope="session", params=[*EXPORTS, *(pytest.param(one, marks=pytest.mark.campaign) for one in CAMPAIGN)], ids="-".join
)
def exported(request, blip, tmp_path_factory) -> Exported:
    name, search, form = request.param
    seed, images = MODELS[name]
    folder = tmp_path_factory.mktemp(form)
    model = blip(name, seed)
    model.save_pretrained(folder / "checkpoint")
    options = options_of(name, max_length=LENGTH, **SEARCHES[search])
    file = folder / "model.file"
    signature = FORMATS[form][1](ExportRequest(ModelDeclaration("blip", folder), options, file))
    return Exported(name, model, SEARCHES[search], images, form, file, signature, open_file(file, form))


@pytest.fixture(scope="session")
def expected_of(batch_of, alone) -> Callable[[Exported], list[tuple[Any, np.ndarray]]]:
    """Return a function that returns batches of eight with their answers row by row, the same for both formats."""
    cache: dict[Any, list[tuple[Any, np.ndarray]]] = {}

    def find(exported: Exported) -> list[tuple[Any, np.ndarray]]:
        key = (exported.name, *exported.search.items())
        if key not in cache:
            batches = [batch_of(seed, 8, longest, exported.images) for seed, longest in enumerate(PROMPTS)]
            cache[key] = [(batch, alone(exported.model, batch, LENGTH, **exported.search)) for batch in batches]
        return cache[key]

    return find


@pytest.mark.parametrize("rows", range(1, 9))
def test_the_file_answers_each_row_as_transformers_does_alone(exported, rows, expected_of, differing):
    for batch, answers in expected_of(exported):
        fewer = type(batch)(*(tensor[-rows:] for tensor in batch.tensors()))

        assert differing(exported.answer(fewer), answers[-rows:]) == []


def test_the_compared_answers_are_varied(exported, expected_of, check_varied):
    check_varied(np.concatenate([answers for _, answers in expected_of(exported)]))


def sabotage_onnx(file: Path) -> Path:
    """Return a copy of the file that selects the least likely token."""
    model = onnx.load(str(file))
    (loop,) = [node for node in model.graph.node if node.op_type == "Loop"]
    (body,) = [attribute.g for attribute in loop.attribute if attribute.name == "body"]
    for node in body.node:
        node.op_type = "ArgMin" if node.op_type == "ArgMax" else node.op_type
        for attribute in node.attribute:
            if attribute.name == "largest":
                attribute.i = 0
    onnx.save(model, str(file.with_name("bad")))
    return file.with_name("bad")


def sabotage_torchscript(file: Path) -> Path:
    """Return a copy of the file that selects the least likely token."""
    with allow_torchscript():
        module = torch.jit.load(str(file))
        for node in module.graph.findAllNodes("aten::log_softmax") + module.graph.findAllNodes("aten::argmax"):
            worse = module.graph.create("aten::neg", [next(node.inputs())])
            worse.insertBefore(node)
            node.replaceInput(0, worse.output())
        module.save(str(file.with_name("bad")))
    return file.with_name("bad")


def test_a_wrong_file_is_detected(exported, expected_of, differing):
    batch, answers = expected_of(exported)[-1]
    sabotage = {"onnx": sabotage_onnx, "torchscript": sabotage_torchscript}[exported.form]

    got = open_file(sabotage(exported.file), exported.form)(batch)

    assert len(differing(got, answers)) >= 3


def test_padding_a_batch_further_changes_no_answer(exported, batch_of, differing):
    batch = batch_of(4, 5, 6, exported.images)
    ids, mask = (torch.nn.functional.pad(tensor, (0, 9)) for tensor in batch.tensors()[1:])

    assert differing(exported.answer(replace(batch, input_ids=ids, attention_mask=mask)), exported.answer(batch)) == []


def test_the_file_has_the_declared_contract(exported):
    assert exported.signature == ModelSignature(
        inputs=(
            TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32)),
            TensorSpec("input_ids", "INT64", (-1, -1)),
            TensorSpec("attention_mask", "INT64", (-1, -1)),
        ),
        outputs=(TensorSpec("generated_ids", "INT64", (-1, LENGTH)),),
    )


def test_the_file_is_one_graph_that_onnxruntime_1_19_reads_or_one_forward_that_names_its_inputs(exported):
    assert [path.name for path in exported.file.parent.glob("model*")] == ["model.file"]
    if exported.form == "torchscript":
        with allow_torchscript():
            module = torch.jit.load(str(exported.file))
        assert [argument.name for argument in module.forward.schema.arguments[1:]] == [
            spec.name for spec in exported.signature.inputs
        ]
        assert "cpu" not in module.code
        return
    model = onnx.load(str(exported.file))
    assert model.ir_version <= 10
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 20}
    assert [node.op_type for node in model.graph.node].count("Loop") == 1


def test_the_file_holds_the_weights_once_with_little_around_them(exported):
    assert exported.file.stat().st_size < sum(weight.numel() * 4 for weight in exported.model.parameters()) + 90_000


@pytest.mark.parametrize("form", [pytest.param("onnx", marks=pytest.mark.campaign), "torchscript"])
def test_a_declaration_of_pictures_alone_gives_a_file_without_prompts(form, blip, batch_of, differing, alone, tmp_path):
    model = blip(CAPTIONER, 0)
    declared = ModelDeclaration("blip", inputs=(TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32)),))

    signature = export_module(declared, options_of(max_length=LENGTH), model, tmp_path / "model", FORMATS[form][0])

    assert signature.inputs == declared.inputs
    for rows in (1, 4):
        batch = batch_of(rows, rows, 2)
        answers = open_file(tmp_path / "model", form)(Pictures(batch))
        assert differing(answers, alone(model, batch, LENGTH)) == []


class Pictures:
    """The request for a graph without prompts."""

    def __init__(self, batch: Any) -> None:
        self.pictures = batch.pixel_values

    def tensors(self) -> tuple[torch.Tensor, ...]:
        return (self.pictures,)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"pixel_values": self.pictures.numpy()}


def test_blip2_without_a_prompt_is_the_picture_and_the_first_token(blip, batch_of):
    model, batch = blip(OPT, 5), batch_of(0, 6, 2)
    declared = ModelDeclaration("blip", inputs=(TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32)),))

    traceable = generate_traceable(declared, options_of(OPT, max_length=LENGTH), model)
    got = DecodingLoop(traceable.decoding, python_loop)(batch.pixel_values)[0]

    for row, picture in zip(got.tolist(), batch.pixel_values, strict=True):
        expected = model.generate(pixel_values=picture[None], do_sample=False, max_length=LENGTH)[0].tolist()
        assert row[: len(expected)] == expected


def test_the_check_after_an_export_compares_with_each_row_alone(blip, batch_of, alone, differing):
    model = blip(CAPTIONER, 0)
    traceable = generate_traceable(ModelDeclaration("blip"), options_of(max_length=LENGTH), model)

    pictures, ids, mask = traceable.example(3)

    assert sorted(set(mask.sum(1).tolist())) == [7, 8, 9]
    batch = replace(batch_of(0, 3, 9), pixel_values=pictures, input_ids=ids, attention_mask=mask)
    assert differing(traceable.reference(pictures, ids, mask)[0], alone(model, batch, LENGTH)) == []


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("search", ["greedy", "beams"])
def test_new_tokens_are_counted_after_each_rows_own_prompt(name, search, blip, batch_of):
    seed, images = MODELS[name]
    model, batch = blip(name, seed), batch_of(0, 5, 7, images)
    lengths = (("input_ids", "INT64", (-1, 7 + images)), ("attention_mask", "INT64", (-1, 7 + images)))
    inputs = (TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32)), *(TensorSpec(*spec) for spec in lengths))
    options = options_of(name, max_new_tokens=4, **SEARCHES[search])

    traceable = generate_traceable(ModelDeclaration("blip", inputs=inputs), options, model)

    got = DecodingLoop(traceable.decoding, python_loop)(*batch.tensors())[0]
    expected = traceable.reference(*batch.tensors())[0]
    assert got.shape == (5, {CAPTIONER: 6, ANSWERER: 1, OPT: 11, T5: 1}[name] + 4)
    assert got.tolist() == expected.tolist()


@pytest.mark.parametrize(("name", "prompt"), [(CAPTIONER, (1, END)), (OPT, (3, 3, 3, 3, 1))])
@pytest.mark.parametrize("search", ["greedy", "beams"])
def test_new_tokens_without_a_prompt_give_one_width(name, prompt, search, blip, batch_of, caplog):
    seed, images = MODELS[name]
    pictures = batch_of(0, 5, 7, images).pixel_values
    ids = torch.tensor([prompt]).expand(5, -1)

    traceable = generate_traceable(
        ModelDeclaration("blip"), options_of(name, max_new_tokens=4, **SEARCHES[search]), blip(name, seed)
    )

    assert [spec.shape for spec in traceable.inputs[1:]] == [(-1, len(prompt))] * 2
    got = DecodingLoop(traceable.decoding, python_loop)(pictures, ids, torch.ones_like(ids))[0]
    assert got.shape == (5, len(prompt) + 4 - (name == CAPTIONER))
    assert got.tolist() == traceable.reference(pictures, ids, torch.ones_like(ids))[0].tolist()
    assert f"without a prompt ({len(prompt)} tokens" in caplog.text
    assert "write 'generate: {max_length: " in caplog.text


def test_answers_of_a_question_need_no_prompt_of_one_length(blip, caplog):
    traceable = generate_traceable(ModelDeclaration("vqa"), options_of(ANSWERER, max_new_tokens=4), blip(ANSWERER, 2))

    assert traceable.inputs[1].shape == (-1, -1)
    assert caplog.text == ""
