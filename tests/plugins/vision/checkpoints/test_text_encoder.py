from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from turnout.errors import InvalidInputError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.text_encoder import TextEncoder, compares_each_alone, read_text_encoder

PAD, CLS, SEP = 0, 2, 3


@pytest.fixture
def read(tmp_path: Path, tokenizer: Tokenizer, write: Callable[[Path, Any], None]) -> Callable[..., TextEncoder]:
    def make(config: dict[str, Any], **named: Any) -> TextEncoder:
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        write(tmp_path / "config.json", config)
        write(tmp_path / "tokenizer_config.json", {"pad_token": "[PAD]", "sep_token": "[SEP]", **named})
        return read_text_encoder(Checkpoint("clip", folder=tmp_path))

    return make


def test_texts_are_padded_to_the_longest_on_the_right(read: Any, words: list[str]) -> None:
    first, second = read({"model_type": "clip"}).inputs(["red", "a red box"], None, mask=None)

    red, a, box = (words.index(word) for word in ("red", "a", "box"))
    assert first["input_ids"].tolist() == [[CLS, red, SEP, PAD, PAD]]
    assert first["attention_mask"].tolist() == [[1, 1, 1, 0, 0]]
    assert second["input_ids"].tolist() == [[CLS, a, red, box, SEP]]


@pytest.mark.parametrize(
    ("config", "named", "start"),
    [
        ({"model_type": "clip"}, {}, 0),
        ({"model_type": "clip"}, {"padding_side": "left"}, 5),
        ({"model_type": "siglip"}, {"tokenizer_class": "GemmaTokenizerFast"}, 5),
        ({"model_type": "siglip"}, {"tokenizer_class": "GemmaTokenizer", "padding_side": "right"}, 0),
        ({"model_type": "siglip2"}, {"tokenizer_class": "GemmaTokenizer"}, 5),
    ],
)
def test_padding_is_on_the_side_of_the_file_or_of_the_class(
    read: Any, config: dict[str, Any], named: dict[str, Any], start: int
) -> None:
    (one,) = read(config, **named).inputs(["red"], 8, mask=True)

    assert one["attention_mask"][0].tolist() == [1 if start <= index < start + 3 else 0 for index in range(8)]


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"model_type": "siglip"}, 64),
        ({"model_type": "siglip", "text_config": {"max_position_embeddings": 16}}, 16),
        ({"model_type": "siglip_text_model", "max_position_embeddings": 16}, 16),
        ({"model_type": "siglip2", "text_config": {"max_position_embeddings": "many"}}, 64),
        ({"model_type": "clip", "text_config": {"max_position_embeddings": 16}}, 3),
    ],
)
def test_siglip_is_padded_to_the_most_that_it_takes(read: Any, config: dict[str, Any], length: int) -> None:
    (one,) = read(config).inputs(["red"], None, mask=None)

    assert one["input_ids"].shape == (1, length)


@pytest.mark.parametrize(
    ("named", "mask", "expected"),
    [
        ({}, None, True),
        ({"model_input_names": ["input_ids"]}, None, False),
        ({"model_input_names": ["input_ids", "attention_mask"]}, None, True),
        ({"model_input_names": ["input_ids"]}, True, True),
        ({}, False, False),
    ],
)
def test_the_mask_is_sent_where_the_file_or_the_option_names_it(read: Any, named: Any, mask: Any, expected: bool) -> None:
    (one,) = read({"model_type": "clip"}, **named).inputs(["red"], None, mask=mask)

    assert ("attention_mask" in one) == expected


@pytest.mark.parametrize(
    ("config", "named", "cleaned"),
    [
        ({"model_type": "siglip"}, {}, "a red box é\u03c3\u03c2"),
        ({"model_type": "siglip"}, {"tokenizer_class": "SiglipTokenizerFast"}, "a red box é\u03c3\u03c2"),
        ({"model_type": "siglip2"}, {}, " a  red, box!\té\u03c3\u03c3"),
        ({"model_type": "siglip"}, {"tokenizer_class": "GemmaTokenizer"}, " A  Red, box!\tÉ\u03a3\u03a3"),
        ({"model_type": "clip"}, {}, " A  Red, box!\tÉ\u03a3\u03a3"),
    ],
)
def test_a_text_is_cleaned_as_its_tokenizers_class_does(read: Any, config: Any, named: Any, cleaned: str) -> None:
    assert read(config, **named).clean(" A  Red, box!\tÉ\u03a3\u03a3") == cleaned


def test_a_text_that_is_too_long_is_refused_and_a_short_one_is_not(read: Any) -> None:
    encoder = read({"model_type": "clip"})

    with pytest.raises(InvalidInputError, match="text 'a red green box' has 6 tokens, and 5 is the most; shorten it"):
        encoder.inputs(["red", "a red green box"], 5, mask=None)

    assert len(encoder.inputs(["red", "a red box"], 5, mask=None)) == 2


@pytest.mark.parametrize(
    ("model_type", "alone"), [("siglip", True), ("siglip2", True), ("siglip_text_model", True), ("clip", False), (None, False)]
)
def test_only_siglip_compares_each_text_alone(tmp_path: Path, write: Any, model_type: str | None, alone: bool) -> None:
    write(tmp_path / "config.json", {"model_type": model_type})

    assert compares_each_alone(Checkpoint("clip", folder=tmp_path)) == alone
