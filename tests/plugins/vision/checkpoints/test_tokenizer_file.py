"""Texts and prompts against those of the real transformers, for tokenizers whose files are incomplete."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from turnout.errors import ConfigurationError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.processor import read_text_codec
from turnout_vision.texts.tokens import TextCodec

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, "ca", "##ge", "##t", "##u", ".", "a", "red", "'", "s", "do", "n", "t", "##,", "!", "Red", "cafe", "café"]
SENTENCE = ["ca", "##ge", "##t", "##u", ".", "a", "red", "'", "s", "do", "!"]

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Return a function that saves a tokenizer with the files next to it."""

    def save_files(tokenizer: Tokenizer | None, config: dict[str, Any] | None, model_type: str = "bert") -> Path:
        if tokenizer is not None:
            tokenizer.save(str(tmp_path / "tokenizer.json"))
        if config is not None:
            (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
        return tmp_path

    return save_files


def word_pieces(**parts: Any) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({word: id_ for id_, word in enumerate(WORDS)}, unk_token="[UNK]"))
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    return tokenizer


def byte_pairs() -> Tokenizer:
    words = ["<s>", "</s>", "<pad>", "r", "e", "d", "Ġ", "b", "o", "x", "re", "red", "Ġb", "Ġbo", "Ġbox", ".", "s", "'"]
    merges = [("r", "e"), ("re", "d"), ("Ġ", "b"), ("Ġb", "o"), ("Ġbo", "x")]
    tokenizer = Tokenizer(models.BPE({word: id_ for id_, word in enumerate(words)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<s>", "</s>", "<pad>"])
    return tokenizer


def unigram() -> Tokenizer:
    pieces = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("▁red", -1.0),
        ("▁box", -1.5),
        ("es", -2.0),
        (".", -2.0),
        ("▁", -3.0),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    return tokenizer


def codec_of(folder: Path) -> TextCodec:
    return read_text_codec(Checkpoint("mine", folder=folder))


def decode(codec: TextCodec, ids: Sequence[int]) -> str:
    return codec.new_text(np.array([list(ids)], np.int64), ())


def theirs_of(folder: Path) -> Any:
    return pytest.importorskip("transformers").AutoTokenizer.from_pretrained(str(folder))


BERT = {"tokenizer_class": "BertTokenizer"}


@pytest.mark.parametrize(
    ("parts", "config"),
    [
        ({}, BERT),
        ({}, {"tokenizer_class": "BertTokenizerFast"}),
        ({}, {"tokenizer_class": "DistilBertTokenizer"}),
        ({}, {}),
        ({}, None),
        ({}, {**BERT, "clean_up_tokenization_spaces": True}),
        ({}, {**BERT, "do_lower_case": False}),
        ({}, {**BERT, "do_lower_case": False, "strip_accents": True}),
        ({"decoder": decoders.WordPiece(cleanup=False)}, BERT),
        ({"normalizer": normalizers.BertNormalizer(lowercase=False)}, BERT),
        ({"pre_tokenizer": pre_tokenizers.BertPreTokenizer(), "decoder": decoders.WordPiece()}, {"unk_token": "[UNK]", **BERT}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_an_incomplete_tokenizer_of_bert_reads_and_writes_as_in_transformers(
    save: Save, parts: dict[str, Any], config: dict[str, Any] | None
) -> None:
    folder = save(word_pieces(**parts), config)
    codec, theirs = codec_of(folder), theirs_of(folder)

    for _ in range(40):
        ids = np.random.default_rng(_).integers(4, len(WORDS), 12).tolist()
        assert decode(codec, ids) == theirs.decode(ids, skip_special_tokens=True).strip()
    for text in ("Red cage!", "a café", "do n't"):
        assert list(codec.ids(text)) == theirs(text).input_ids


def test_pieces_of_words_are_joined_without_transformers(save: Save) -> None:
    codec = codec_of(save(word_pieces(), BERT))

    assert decode(codec, [WORDS.index(word) for word in SENTENCE]) == "cagetu. a red ' s do!"
    assert codec.ids("red cage")[0] == WORDS.index("[CLS]")


def test_spaces_before_punctuation_go_where_the_file_asks_for_it(save: Save) -> None:
    folder = save(word_pieces(decoder=decoders.WordPiece(cleanup=False)), {"tokenizer_class": "PreTrainedTokenizerFast"})
    ids = [WORDS.index(word) for word in SENTENCE]

    plain = decode(codec_of(folder), ids)
    save(None, {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": True})

    assert plain == "cagetu . a red ' s do !"
    assert decode(codec_of(folder), ids) == "cagetu. a red's do!"


@pytest.mark.filterwarnings("ignore")
def test_a_vocabulary_alone_is_a_tokenizer_of_bert(save: Save, tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    folder = save(None, BERT)

    codec = codec_of(folder)

    assert decode(codec, [WORDS.index(word) for word in SENTENCE]) == "cagetu. a red ' s do!"
    assert list(codec.ids("Red café")) == theirs_of(folder)("Red café").input_ids


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "kind", "pad"),
    [(byte_pairs, "GPT2Tokenizer", "<pad>"), (byte_pairs, "RobertaTokenizer", "<pad>"), (unigram, "T5Tokenizer", "<pad>")],
)
@pytest.mark.parametrize("clean", [True, False])
def test_other_classes_bring_their_decoder_as_in_transformers(
    save: Save, make: Callable[[], Tokenizer], kind: str, pad: str, clean: bool
) -> None:
    config = {"tokenizer_class": kind, "pad_token": pad, "clean_up_tokenization_spaces": clean}
    folder = save(make(), config, "gpt2" if kind != "T5Tokenizer" else "t5")
    codec, theirs = codec_of(folder), theirs_of(folder)

    for seed in range(20):
        ids = np.random.default_rng(seed).integers(3, 8, 9).tolist()
        assert decode(codec, ids) == theirs.decode(ids, skip_special_tokens=True).strip()


@pytest.mark.parametrize("make", [word_pieces, byte_pairs, unigram])
def test_pieces_that_no_class_joins_are_refused(save: Save, make: Callable[[], Tokenizer]) -> None:
    folder = save(make(), {"tokenizer_class": "PreTrainedTokenizerFast"})

    with pytest.raises(ConfigurationError, match=r"has no decoder, .* name the class in tokenizer_config.json"):
        codec_of(folder)


def test_whole_words_need_no_decoder(save: Save) -> None:
    tokenizer = Tokenizer(models.WordLevel({"[PAD]": 0, "red": 1, "box": 2}, unk_token="[PAD]"))
    folder = save(tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"})

    assert decode(codec_of(folder), [1, 2]) == "red box"


def test_a_token_that_only_the_settings_call_special_is_not_shown(save: Save) -> None:
    config = {**BERT, "additional_special_tokens": ["red"], "bos_token": {"content": "ca", "special": True}}

    assert (
        decode(codec_of(save(word_pieces(), config)), [WORDS.index(word) for word in ("ca", "a", "red", "do", "[UNK]")])
        == "a do"
    )


@pytest.mark.filterwarnings("ignore")
def test_the_comparison_detects_a_missing_decoder(save: Save) -> None:
    folder = save(word_pieces(), BERT)
    ids = [WORDS.index(word) for word in SENTENCE]

    raw = Tokenizer.from_file(str(folder / "tokenizer.json")).decode(ids)

    assert raw != theirs_of(folder).decode(ids)
