from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.export.generate.beam import BeamDecoding, BeamSettings
from turnout_direct.export.generate.encoder_decoder import Florence2, Pix2Struct, VisionEncoderDecoder
from turnout_direct.export.generate.generate_inputs import example_inputs
from turnout_direct.export.generate.greedy import GreedyDecoding
from turnout_direct.export.generate.loop import DecodingLoop, python_loop
from turnout_direct.export.generate.registry import architecture_of
from turnout_direct.export.generate.settings import beams_of, rules_of
from turnout_direct.export.module_export import export_module
from turnout_direct.export.onnx import Onnx
from turnout_direct.export.torchscript import TorchScript
from turnout_direct.options import DirectOptions

LENGTH, END, PAD = 20, 2, 0
PIXELS = TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32))
# kind -> the seed of its weights and how likely an end is, so that answers have several lengths
KINDS = {
    "trocr": (1, 6.0),
    "trocr_sinusoidal": (1, 4.5),
    "gpt2": (3, 3.0),
    "bert": (1, 3.0),
    "bart": (3, 3.0),
    "mbart": (2, 6.0),
    "donut": (3, 1.5),
    "pix2struct": (3, 1.5),
    "florence2": (1, 1.5),
}
SEARCHES: list[dict[str, Any]] = [{}, {"num_beams": 3, "length_penalty": 0.6, "no_repeat_ngram_size": 3}]
# What the checkpoint of Florence-2 sets.
OWN = {"num_beams": 3, "early_stopping": True, "no_repeat_ngram_size": 3, "forced_bos_token_id": 1, "forced_eos_token_id": END}
FORMATS: dict[str, Any] = {"onnx": Onnx, "torchscript": TorchScript}
# An ONNX graph takes 15 seconds of a core to write, TorchScript one or two; tests/demo/test_reader.py writes gpt2 as ONNX.
EXPORTS = [(kind, "torchscript") for kind in ("gpt2", "donut", "pix2struct", "florence2")]
CAMPAIGN = [(kind, form) for kind in KINDS for form in FORMATS if (kind, form) not in EXPORTS]
BEAMS = ("gpt2", "pix2struct", "florence2")


@pytest.fixture(scope="module")
def reader(request) -> Callable[..., Any]:
    """Return a function that makes a model of ``modules/turnout_test_readers.py``, once."""
    path = request.path.parents[2] / "modules" / "turnout_test_readers.py"
    spec = importlib.util.spec_from_file_location("turnout_test_readers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: dict[Any, Any] = {}

    def make(kind: str, seed: int | None = None, **generation: Any) -> Any:
        own, favor = KINDS[kind]
        key = (kind, seed, str(generation))
        made[key] = made.get(key) or module.reader(kind, own if seed is None else seed, favor, **generation)
        return made[key]

    return make


def inputs_of(model: Any, rows: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return pictures with prompts of mixed lengths; the padding has valid ids, which must not affect answers."""
    family = architecture_of("m", model).family
    specs = tuple(PIXELS if spec.shape == (-1, 3, -1, -1) else spec for spec in family.input_specs())
    given = example_inputs(family, specs, rows, longest=8, seed=seed)
    return dict(zip((spec.name for spec in specs), given, strict=True))


def rows_alone(model: Any, inputs: dict[str, torch.Tensor], **generate: Any) -> np.ndarray:
    """Return the answers of transformers to each row alone, without padding, up to the first end token after the prompt."""
    answers = np.full((len(next(iter(inputs.values()))), LENGTH), PAD)
    for row in range(len(answers)):
        given = {name: tensor[row : row + 1] for name, tensor in inputs.items()}
        start = 1
        if "flattened_patches" in given:
            count = int(given["attention_mask"].sum())
            given = {name: tensor[:, :count] for name, tensor in given.items()}
        else:
            count = int(given.pop("attention_mask").sum())
            ids = given.pop("input_ids")[:, :count]
            is_florence = type(model).__name__.startswith("Florence2")
            start = 1 if is_florence else count
            given |= {"input_ids": ids, "attention_mask": torch.ones_like(ids)} if is_florence else {"decoder_input_ids": ids}
        answer = model.generate(**given, do_sample=False, max_length=LENGTH, pad_token_id=PAD, **generate)[0].tolist()
        answer = answer[: answer.index(END, start) + 1] if END in answer[start:] else answer
        answers[row, : len(answer)] = answer
    return answers


def decode(architecture: Any, inputs: dict[str, torch.Tensor], settings: dict[str, Any]) -> np.ndarray:
    beams = beams_of("m", settings, {})
    rules = rules_of("m", architecture.family, settings, {})
    greedy = GreedyDecoding(architecture, rules, width=LENGTH)
    decoding = greedy if beams is None else BeamDecoding(architecture, beams, rules, width=LENGTH)
    with torch.inference_mode():
        return DecodingLoop(decoding, python_loop)(*inputs.values())[0].numpy()


def options_of(**generate: Any) -> DirectOptions:
    return DirectOptions(loader="factory", factory="m:make", method="generate", generate={"max_length": LENGTH} | generate)


@pytest.mark.parametrize(
    ("kind", "search"), [*((kind, SEARCHES[0]) for kind in KINDS), *((kind, SEARCHES[1]) for kind in BEAMS)], ids=str
)
def test_every_row_of_a_ragged_batch_is_answered_as_transformers_answers_it_alone(kind, search, reader, differing):
    model = reader(kind)
    inputs = inputs_of(model, 5)

    expected = rows_alone(model, inputs, **search)

    assert len({tuple(row) for row in expected.tolist()}) >= 3
    assert len(set((expected != PAD).sum(1).tolist())) >= 2
    assert differing(decode(architecture_of("m", model), inputs, search), expected) == []


@pytest.mark.parametrize("kind", ["florence2"])
def test_the_settings_of_a_checkpoint_apply_as_in_transformers(kind, reader, differing):
    inputs = inputs_of(reader(kind, **OWN), 4)

    assert differing(decode(architecture_of("m", reader(kind)), inputs, OWN), rows_alone(reader(kind, **OWN), inputs)) == []


class PicturesOfNeighbors(VisionEncoderDecoder):
    def encode(self, *inputs):
        return super().encode(inputs[0].roll(1, 0), *inputs[1:])


class OnePositionTooFar(VisionEncoderDecoder):
    def step(self, token, position, memory, cache):
        return super().step(token, position + 1, memory, cache)


class ForgetfulCache(VisionEncoderDecoder):
    def step(self, token, position, memory, cache):
        return super().step(token, position, memory, cache)[0], cache


class PaddingIsSeen(Pix2Struct):
    def encode(self, *inputs):
        return super().encode(inputs[0], torch.ones_like(inputs[1]))


class WordsAreNotMasked(Florence2):
    def encode(self, *inputs):
        return super().encode(*inputs[:2], torch.ones_like(inputs[2]))


class AnotherBegin(Florence2):
    def _start(self, states, visible):
        encoded = super()._start(states, visible)
        return encoded._replace(prompt=encoded.prompt + 3)


@pytest.mark.parametrize(
    ("kind", "adapter"),
    [
        ("donut", PicturesOfNeighbors),
        *((kind, OnePositionTooFar) for kind in ("gpt2", "bert", "mbart", "trocr_sinusoidal")),
        ("trocr", ForgetfulCache),
        ("pix2struct", PaddingIsSeen),
        ("florence2", WordsAreNotMasked),
        ("florence2", AnotherBegin),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_wrong_adapter_is_detected(kind, adapter, reader, differing):
    model = reader(kind)
    inputs = inputs_of(model, 4)

    assert differing(decode(adapter("m", model), inputs, {}), rows_alone(model, inputs))


def test_a_decoder_that_is_not_known_is_refused_by_name_and_runs_on_direct(reader):
    model = reader("gpt2")

    class OtherLMHeadModel(type(model.decoder)):
        pass

    other = type(model)(encoder=model.encoder, decoder=model.decoder)
    other.generation_config, other.decoder.__class__ = model.generation_config, OtherLMHeadModel
    try:
        with pytest.raises(
            ExportError, match=r"'VisionEncoderDecoderModel' can be exported with the decoders .*'OtherLMHeadModel'"
        ):
            architecture_of("m", other)
    finally:
        other.decoder.__class__ = OtherLMHeadModel.__mro__[1]

    assert isinstance(architecture_of("m", other), VisionEncoderDecoder)


def run_file(file: Any, form: str, inputs: dict[str, torch.Tensor]) -> np.ndarray:
    if form == "torchscript":
        with allow_torchscript():
            module = torch.jit.load(str(file))
        return torch.inference_mode()(module)(*inputs.values()).numpy()
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return session.run(["generated_ids"], {name: tensor.numpy() for name, tensor in inputs.items()})[0]


@pytest.mark.parametrize(("kind", "form"), [*EXPORTS, *(pytest.param(*one, marks=pytest.mark.campaign) for one in CAMPAIGN)])
def test_a_file_answers_each_row_as_transformers_does_alone(kind, form, reader, differing, tmp_path):
    model = reader(kind, **OWN)
    inputs = inputs_of(model, 4, seed=3)
    specs = architecture_of("m", model).family.input_specs()
    declared = ModelDeclaration("m", inputs=(PIXELS, *specs[1:]) if kind == "florence2" else (), max_batch_size=4)

    signature = export_module(declared, options_of(), model, tmp_path / "model", FORMATS[form]())

    assert [spec.name for spec in signature.inputs] == list(inputs)
    assert signature.outputs == (TensorSpec("generated_ids", "INT64", (-1, LENGTH)),)
    expected = rows_alone(model, inputs)
    for rows in (1, 4):
        fewer = {name: tensor[-rows:] for name, tensor in inputs.items()}
        assert differing(run_file(tmp_path / "model", form, fewer), expected[-rows:]) == []


def test_a_declaration_of_pictures_alone_gives_a_file_without_prompts(reader, differing, tmp_path):
    model = reader("trocr")
    pictures = inputs_of(model, 5)["pixel_values"]

    signature = export_module(ModelDeclaration("m", inputs=(PIXELS,)), options_of(), model, tmp_path / "model", TorchScript())

    assert signature.inputs == (PIXELS,)
    ones = torch.ones(5, 1, dtype=torch.int64)
    expected = rows_alone(model, {"pixel_values": pictures, "input_ids": ones, "attention_mask": ones})
    assert differing(run_file(tmp_path / "model", "torchscript", {"pixel_values": pictures}), expected) == []


def test_beam_settings_are_those_of_the_file(reader):
    assert beams_of("m", {}, reader("gpt2", **OWN).generation_config.to_dict()) == BeamSettings(3, early_stopping=True)
