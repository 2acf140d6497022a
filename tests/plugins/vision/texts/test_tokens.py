from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from turnout.errors import InferenceError, InvalidInputError
from turnout_vision.texts.tokens import TextCodec


@pytest.fixture
def codec(tokenizer: Tokenizer, words: list[str]) -> TextCodec:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return TextCodec(
        tokenizer=tokenizer,
        pad=0,
        starts=frozenset(words.index(word) for word in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]")),
        stops=frozenset({words.index("[SEP]")}),
    )


@pytest.fixture
def ids(words: list[str]) -> Any:
    return lambda text: [words.index(word) for word in text.split()]


@pytest.fixture
def generated(ids: Any) -> Any:
    return lambda text: np.array([ids(text)], np.int64)


def test_a_prompt_has_the_special_tokens_of_the_post_processor(codec: TextCodec, ids: Any) -> None:
    assert list(codec.ids("A picture of")) == ids("[CLS] a picture of [SEP]")
    assert list(codec.ids("")) == ids("[CLS] [SEP]")


def test_a_prompt_is_padded_on_the_right_to_its_length(codec: TextCodec) -> None:
    inputs = codec.inputs([2, 7, 3], 5)

    assert inputs["input_ids"].tolist() == [[2, 7, 3, 0, 0]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1, 0, 0]]
    assert {array.dtype for array in inputs.values()} == {np.dtype(np.int64)}


def test_a_prompt_without_a_length_is_not_padded(codec: TextCodec) -> None:
    assert codec.inputs([2, 7, 3], None)["input_ids"].tolist() == [[2, 7, 3]]


def test_a_prompt_that_is_too_long_is_refused(codec: TextCodec) -> None:
    with pytest.raises(InvalidInputError, match="the prompt has 3 tokens, but prompt_length is 2"):
        codec.inputs([2, 7, 3], 2)


def test_a_text_with_too_many_tokens_is_refused(codec: TextCodec) -> None:
    with pytest.raises(InvalidInputError, match=r"has 22 tokens; the model accepts 10: shorten it"):
        replace(codec, max_tokens=10).ids("red " * 20)


def test_text_that_is_not_unicode_is_refused(codec: TextCodec) -> None:
    with pytest.raises(InvalidInputError, match=r"text 'red \\ud800' is not valid Unicode"):
        codec.ids("red \ud800")


@pytest.mark.parametrize(
    ("output", "whole", "new"),
    [
        ("[DEC] a picture of red box [SEP] [PAD]", "a picture of red box", "red box"),
        ("[CLS] a picture of [SEP] red box [SEP]", "a picture of red box", "red box"),
        ("[DEC] red box [SEP] [PAD] [PAD]", "red box", "red box"),
        ("[DEC] red box [SEP] blue blue", "red box", "red box"),
        ("red box", "red box", "red box"),
        ("red box ##s [SEP]", "red boxs", "red boxs"),
        ("[DEC] [SEP] [PAD]", "", ""),
        ("[SEP] [PAD]", "", ""),
        ("[DEC] red [UNK] box", "red box", "red box"),
    ],
)
def test_decodes_generated_ids(codec: TextCodec, generated: Any, output: str, whole: str, new: str) -> None:
    prompt = codec.ids("a picture of")

    assert codec.whole_text(generated(output), prompt) == whole
    assert codec.new_text(generated(output), prompt) == new


def test_without_a_prompt_the_answer_is_whole(codec: TextCodec, generated: Any) -> None:
    assert codec.new_text(generated("[DEC] red box [SEP]"), codec.ids("")) == "red box"


def test_an_answer_that_repeats_the_question_is_kept_where_models_do_not_echo(codec: TextCodec, generated: Any) -> None:
    silent = replace(codec, echoes=False)

    assert silent.new_text(generated("[DEC] red [SEP]"), codec.ids("red")) == "red"


def test_a_token_outside_the_vocabulary_is_skipped(codec: TextCodec) -> None:
    # BLIP begins with 30522; the ids of its tokenizer file end at 30521.
    beyond = replace(codec, starts=codec.starts | {30522})

    assert beyond.whole_text(np.array([[30522, 7, 3]], np.int64), codec.ids("")) == "red"
    assert codec.whole_text(np.array([[7, 40_000, 3]], np.int32), codec.ids("")) == "red"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.zeros((2, 3), np.int64), r"must be INT64 \[1, length\], got INT64 \[2, 3\]"),
        (np.zeros(3, np.int64), r"got INT64 \[3\]"),
        (np.zeros((1, 3), np.float32), r"got FP32 \[1, 3\]"),
        (np.array([[5, -1]]), "got -1 to 5"),
        (np.array([[1 << 40]]), "got 1099511627776"),
    ],
)
def test_an_output_that_is_not_a_row_of_ids_is_refused(codec: TextCodec, output: Any, message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        codec.whole_text(output, ())


def test_an_empty_row_is_an_empty_text(codec: TextCodec) -> None:
    assert codec.whole_text(np.zeros((1, 0), np.int64), codec.ids("")) == ""
