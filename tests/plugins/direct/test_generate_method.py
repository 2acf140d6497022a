from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from turnout import ModelSignature
from turnout.errors import InvalidTensorError
from turnout.tensors import TensorSpec
from turnout_direct.generation_family import family_of

CAPTION, VQA = "BlipForConditionalGeneration", "BlipForQuestionAnswering"
PAD, END, IMAGE, QUERIES, VOCABULARY, SIZE = 0, 2, 3, 4, 60, 32

Arrays = dict[str, np.ndarray]
Call = Callable[..., Any]
# Models: name -> factory, its arguments, the number of image tokens at the start of a prompt.
MODELS: dict[str, tuple[str, dict[str, Any], int]] = {
    "caption": ("blip", {"kind": CAPTION, "seed": 1}, 0),
    "vqa": ("blip", {"kind": VQA, "seed": 2}, 0),
    "blip2_opt": ("blip2", {"language": "opt", "seed": 3}, QUERIES),
    "blip2_t5": ("blip2", {"language": "t5", "seed": 4}, QUERIES),
}


def batch(name: str, seed: int, rows: int = 12, longest: int = 7) -> Arrays:
    """Return images with prompts of mixed lengths; the padding on the right has valid ids, which must not affect answers."""
    random = np.random.default_rng(seed)
    image_tokens = MODELS[name][2]
    lengths = random.integers(2, longest + 1, rows) + image_tokens
    lengths[0] = longest + image_tokens
    ids = random.integers(4, VOCABULARY, (rows, longest + image_tokens))
    ids[:, :image_tokens] = IMAGE
    mask = np.arange(ids.shape[1]) < lengths[:, None]
    pixels = random.standard_normal((rows, 3, SIZE, SIZE)).astype(np.float32)
    return {"pixel_values": pixels, "input_ids": ids, "attention_mask": mask.astype(np.int64)}


@pytest.fixture
def module(_modules: None) -> Call:
    def make(name: str) -> Any:
        import turnout_test_blip

        factory, arguments, _ = MODELS[name]
        return getattr(turnout_test_blip, factory)(**arguments)

    return make


@pytest.fixture
def generating(open_direct: Call) -> Call:
    def open_it(name: str, **generate: Any) -> Any:
        factory, arguments, _ = MODELS[name]
        options = {"factory": f"turnout_test_blip:{factory}", "arguments": arguments, "generate": generate}
        return open_direct(loader="factory", method="generate", **options)

    return open_it


def rows_alone(module: Any, inputs: Arrays, width: int, **generate: Any) -> np.ndarray:
    """Return the answers of transformers to each row alone, without padding, up to the first end token after the prompt."""
    answers = np.full((len(inputs["input_ids"]), width), PAD)
    family = family_of(module, "m")
    for row, length in enumerate(inputs["attention_mask"].sum(1)):
        ids = torch.from_numpy(inputs["input_ids"][row : row + 1, :length].copy())
        picture = torch.from_numpy(inputs["pixel_values"][row : row + 1])
        given = {"pixel_values": picture, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
        answer = module.generate(**given, do_sample=False, **generate)[0].tolist()
        start = family.start_length(int(length))
        if END in answer[start:]:
            answer = answer[: answer.index(END, start) + 1]
        answers[row, : len(answer)] = answer
    return answers


def are_varied(answers: np.ndarray) -> bool:
    """Return whether answers differ enough to prove anything."""
    return len({tuple(row) for row in answers.tolist()}) >= 0.7 * len(answers) and len(set(answers.ravel().tolist())) >= 10


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_row_of_a_ragged_batch_is_its_single_row_answer(
    generating: Call, infer: Call, module: Call, name: str, seed: int
) -> None:
    inputs = batch(name, seed, rows=10)
    answer = infer(generating(name, max_length=24), **inputs)["generated_ids"]

    expected = rows_alone(module(name), inputs, 24, max_length=24)

    assert are_varied(expected)
    assert answer.dtype == np.int64
    assert answer.tolist() == expected.tolist()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 3},
        {"num_beams": 4, "length_penalty": 2.0, "early_stopping": True},
        {"num_beams": 2, "early_stopping": "never", "min_new_tokens": 3},
        {"no_repeat_ngram_size": 1, "repetition_penalty": 1.4, "suppress_tokens": [7, 9]},
    ],
)
def test_generation_options_apply_row_by_row_too(
    generating: Call, infer: Call, module: Call, name: str, options: dict[str, Any]
) -> None:
    inputs = batch(name, 2, rows=6, longest=4)
    answer = infer(generating(name, max_length=20, **options), **inputs)["generated_ids"]

    assert answer.tolist() == rows_alone(module(name), inputs, 20, max_length=20, **options).tolist()


@pytest.mark.parametrize(("name", "width"), [("caption", 6 + 9), ("vqa", 1 + 9), ("blip2_opt", 11 + 9), ("blip2_t5", 1 + 9)])
def test_max_new_tokens_give_the_documented_width(generating: Call, infer: Call, module: Call, name: str, width: int) -> None:
    inputs = batch(name, 3)

    answer = infer(generating(name, max_new_tokens=9), **inputs)["generated_ids"]

    assert answer.shape == (12, width)
    assert answer.tolist() == rows_alone(module(name), inputs, width, max_new_tokens=9).tolist()


def test_a_caption_without_a_prompt_is_what_transformers_gives_to_a_picture_alone(
    generating: Call, infer: Call, module: Call
) -> None:
    pixels = batch("caption", 4, rows=6)["pixel_values"]
    ids = np.array([[1, END, PAD]] * 6)
    expected = [
        module("caption").generate(torch.from_numpy(pixels[row : row + 1]), max_length=20)[0].tolist() for row in range(6)
    ]

    answer = infer(generating("caption"), pixel_values=pixels, input_ids=ids, attention_mask=(ids != PAD).astype(np.int64))

    assert [row[: len(tokens)] for row, tokens in zip(answer["generated_ids"].tolist(), expected, strict=True)] == expected


def test_only_padding_follows_an_end(generating: Call, infer: Call) -> None:
    rows = infer(generating("vqa", max_length=24), **batch("vqa", 0, rows=12))["generated_ids"].tolist()

    ended = [row for row in rows if END in row]
    assert 0 < len(ended) < len(rows)
    assert all(set(row[row.index(END) + 1 :]) <= {PAD} for row in ended)


def test_no_rows_give_no_rows(generating: Call, infer: Call) -> None:
    inputs = {name: array[:0] for name, array in batch("vqa", 0).items()}

    assert infer(generating("vqa", max_length=24), **inputs)["generated_ids"].shape == (0, 24)


def test_the_request_is_not_written_to(generating: Call, infer: Call) -> None:
    inputs = batch("caption", 0)
    before = {name: array.copy() for name, array in inputs.items()}

    infer(generating("caption", max_length=12), **inputs)

    assert all(np.array_equal(inputs[name], before[name]) for name in inputs)


def test_eight_threads_generate_their_own_answers(generating: Call, infer: Call) -> None:
    model = generating("caption", max_length=16)
    requests = [batch("caption", seed, rows=3) for seed in range(16)]
    expected = [infer(model, **inputs)["generated_ids"].tolist() for inputs in requests]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda inputs: infer(model, **inputs)["generated_ids"].tolist(), requests))

    assert answers == expected


def test_the_signature_has_the_image_size_and_the_width(generating: Call) -> None:
    signature = generating("vqa", max_length=24).signature()

    assert signature == ModelSignature(
        (
            TensorSpec("pixel_values", "FP32", (-1, 3, SIZE, SIZE)),
            TensorSpec("input_ids", "INT64", (-1, -1)),
            TensorSpec("attention_mask", "INT64", (-1, -1)),
        ),
        (TensorSpec("generated_ids", "INT64", (-1, 24)),),
    )


def replace_arrays(**arrays: Any) -> Callable[[Arrays], Arrays]:
    return lambda inputs: inputs | arrays


MASK = batch("caption", 0)["attention_mask"]
IDS = batch("caption", 0)["input_ids"]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "caption",
            replace_arrays(input_ids=IDS * 0 + VOCABULARY),
            "contains token 60; model 'm' accepts 0 to 59; use the tokenizer",
        ),
        ("caption", replace_arrays(input_ids=IDS * 0 - 1), "contains token -1"),
        (
            "caption",
            replace_arrays(attention_mask=(np.arange(7) < 1) * np.ones_like(MASK)),
            "has 1 token; model 'm' needs 2 or more",
        ),
        ("caption", lambda _: batch("caption", 0, longest=13), "leaves no room for an answer within max_length 12"),
        (
            "blip2_t5",
            replace_arrays(input_ids=batch("blip2_t5", 0)["input_ids"] * 0 + 5),
            r"has 0 image tokens \(3\); model 'm' needs 4",
        ),
    ],
)
def test_wrong_prompts_are_refused_and_a_good_one_works_afterwards(
    generating: Call, infer: Call, name: str, change: Callable[[Arrays], Arrays], message: str
) -> None:
    model = generating(name, max_length=12)

    with pytest.raises(InvalidTensorError, match=message):
        infer(model, **change(batch(name, 0)))
    assert infer(model, **batch(name, 0))["generated_ids"].shape == (12, 12)


def test_an_option_overrides_the_checkpoints_limit_without_a_warning(
    open_direct: Call,
    infer: Call,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    arguments = {"language": "opt", "seed": 3, "max_length": 30}
    given = {"loader": "factory", "factory": "turnout_test_blip:blip2", "arguments": arguments, "method": "generate"}

    own = infer(open_direct(**given), **batch("blip2_opt", 0))["generated_ids"]
    short = infer(open_direct(**given, generate={"max_new_tokens": 4}), **batch("blip2_opt", 0))["generated_ids"]

    assert (own.shape[1], short.shape[1]) == (30, 11 + 4)
    assert caplog.messages == []


@pytest.fixture
def reading(open_direct: Call) -> Call:
    def open_it(inputs: dict[str, str] | None = None, kind: str = "gpt2", **generate: Any) -> Any:
        options = {"factory": "turnout_test_readers:reader", "arguments": {"kind": kind, "seed": 3, "favor": 3.0}}
        return open_direct(inputs, loader="factory", method="generate", **options, generate={"max_length": 20} | generate)

    return open_it


def test_a_decoder_answers_pictures_alone_as_those_with_its_first_token(reading: Call, infer: Call) -> None:
    pixels = batch("caption", 4, rows=5)["pixel_values"]
    ones = np.ones((5, 1), np.int64)

    alone = infer(reading({"pixel_values": f"FP32[-1,3,{SIZE},{SIZE}]"}), pixel_values=pixels)["generated_ids"]

    assert (
        alone.tolist() == infer(reading(), pixel_values=pixels, input_ids=ones, attention_mask=ones)["generated_ids"].tolist()
    )
    assert len({tuple(row) for row in alone.tolist()}) == 5


def test_a_prompt_without_the_first_token_of_the_decoder_is_refused_and_a_good_one_answered(reading: Call, infer: Call) -> None:
    model, inputs = reading(), batch("caption", 4, rows=2)
    inputs["input_ids"][:, 0] = [1, 7]

    with pytest.raises(
        InvalidTensorError, match=r"row 1 of 'input_ids' starts with token 7; the decoder of model 'm' starts with 1"
    ):
        infer(model, **inputs)

    inputs["input_ids"][:, 0] = 1
    assert infer(model, **inputs)["generated_ids"].shape == (2, 20)


def test_patches_without_prompts_are_answered(reading: Call, infer: Call) -> None:
    random = np.random.default_rng(0)
    patches = random.standard_normal((3, 6, 50)).astype(np.float32)
    patches[:, :, :2] = [[1 + place // 2, 1 + place % 2] for place in range(6)]
    mask = np.ones((3, 6), np.float32)

    together = infer(reading(kind="pix2struct"), flattened_patches=patches, attention_mask=mask)["generated_ids"]

    for row in range(3):
        part = slice(row, row + 1)
        one = infer(reading(kind="pix2struct"), flattened_patches=patches[part], attention_mask=mask[part])["generated_ids"]
        assert one[0].tolist() == together[row].tolist()
