from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from turnout import StepDeclaration
from turnout.errors import ConfigurationError, InvalidInputError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.processor import (
    find_image_preprocessor,
    read_image_preprocessor,
    read_segmenter_preprocessor,
    read_text_codec,
)
from turnout_vision.options.prepare import PrepareOptions
from turnout_vision.preprocess import BIREFNET

Write = Any


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    """Return a checkpoint that a test may change."""
    return Path(shutil.copytree(checkpoint, tmp_path / "mine"))


def at(folder: Path) -> Checkpoint:
    return Checkpoint("mine", folder=folder)


def test_reads_the_image_settings_that_a_checkpoint_carries(folder: Path) -> None:
    assert read_image_preprocessor(at(folder)).size == (24, 24)
    assert read_segmenter_preprocessor(at(folder)) == read_image_preprocessor(at(folder))


def test_reads_the_one_file_that_transformers_5_saves(folder: Path, write: Write, preprocessor_config: Any) -> None:
    (folder / "preprocessor_config.json").unlink()
    write(folder / "processor_config.json", {"image_processor": preprocessor_config(size={"height": 8, "width": 9})})

    assert read_image_preprocessor(at(folder)).size == (8, 9)


def test_a_segmenter_without_settings_gets_those_of_birefnet(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()

    assert read_segmenter_preprocessor(at(folder)) == read_segmenter_preprocessor(None) == BIREFNET


def test_what_a_step_writes_replaces_the_settings_of_the_checkpoint(folder: Path, declaration: StepDeclaration) -> None:
    prepare = PrepareOptions(size=(5, 6))

    for found in (
        read_image_preprocessor(at(folder), prepare),
        read_segmenter_preprocessor(at(folder), prepare),
        find_image_preprocessor(None, prepare, declaration, "detector"),
    ):
        assert found.size == (5, 6)
    assert find_image_preprocessor(at(folder), None, declaration, "detector").size == (24, 24)


def test_a_step_that_has_neither_a_checkpoint_nor_prepare_is_refused(declaration: StepDeclaration) -> None:
    with pytest.raises(ConfigurationError, match=r"no backend of model 'detector' names a checkpoint; write `processor:`"):
        find_image_preprocessor(None, None, declaration, "detector")


def test_a_text_model_without_image_settings_is_refused(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()

    with pytest.raises(ConfigurationError, match=r"checkpoint 'mine' has no preprocessor_config.json or processor_config.json"):
        read_image_preprocessor(at(folder))


def test_a_checkpoint_without_a_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()

    with pytest.raises(ConfigurationError, match=r"checkpoint 'mine' has no tokenizer.json; save one with AutoProcessor"):
        read_text_codec(at(folder))


@pytest.mark.parametrize("text", ["", "{}", "[1"])
def test_a_broken_tokenizer_is_refused(folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text)

    with pytest.raises(ConfigurationError, match=r"tokenizer.json' is not a tokenizer: .*; save it again"):
        read_text_codec(at(folder))


def test_the_tokenizers_own_padding_and_truncation_are_off(folder: Path) -> None:
    assert len(read_text_codec(at(folder)).ids("a red box a red box")) == 8


def test_special_tokens_come_from_the_files(folder: Path, words: list[str]) -> None:
    codec = read_text_codec(at(folder))

    assert codec.pad == words.index("[PAD]")
    assert codec.stops == {words.index("[SEP]")}
    assert words.index("[DEC]") in codec.starts
    assert codec.max_tokens == 40
    assert codec.echoes


def test_special_tokens_have_berts_names_by_default(folder: Path, words: list[str]) -> None:
    for name in ("tokenizer_config.json", "config.json"):
        (folder / name).unlink()

    codec = read_text_codec(at(folder))

    assert (codec.pad, codec.stops) == (words.index("[PAD]"), {words.index("[SEP]")})


def test_a_tokenizer_without_a_pad_token_is_refused(folder: Path, write: Write) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    tokenizer.save(str(folder / "tokenizer.json"))
    write(folder / "tokenizer_config.json", {})

    with pytest.raises(ConfigurationError, match=r"checkpoint 'mine': its tokenizer has no pad token; name one"):
        read_text_codec(at(folder))


def test_a_question_answering_blip_does_not_repeat_its_question(folder: Path, write: Write) -> None:
    write(folder / "config.json", {"model_type": "blip", "architectures": ["BlipForQuestionAnswering"]})

    assert not read_text_codec(at(folder)).echoes


def test_blips_leftover_end_token_does_not_end_a_text(folder: Path, write: Write, words: list[str]) -> None:
    # BLIP's config has eos_token_id 2, a word of its vocabulary; generation stops at sep_token_id.
    write(folder / "config.json", {"model_type": "blip", "text_config": {"eos_token_id": words.index("red")}})

    output = np.array([[words.index(word) for word in ("[DEC]", "a", "red", "box", "[SEP]")]])

    assert read_text_codec(at(folder)).whole_text(output, ()) == "a red box"


def opt_folder(folder: Path, write: Write, image_config: Any, **changes: Any) -> Path:
    """Write a checkpoint like that of BLIP-2 with OPT: byte pairs, the image token before the start token."""
    vocabulary = {
        token: id_ for id_, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())])
    }
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    write(folder / "tokenizer_config.json", {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": {"content": "</s>"}})
    write(folder / "preprocessor_config.json", image_config())
    config = {"model_type": "blip-2", "num_query_tokens": 4, "image_token_index": len(vocabulary), **changes}
    write(folder / "config.json", config)
    write(folder / "generation_config.json", {"eos_token_id": vocabulary["Ċ"]})
    return folder


def test_a_blip_2_prompt_begins_with_its_placeholders(tmp_path: Path, write: Write, preprocessor_config: Any) -> None:
    codec = read_text_codec(at(opt_folder(tmp_path / "opt", write, preprocessor_config)))

    ids = codec.ids("hi")

    image = max(ids)
    assert ids[:5] == (image,) * 4 + (2,)
    assert len(ids) == 7
    assert codec.pad == 1


def test_a_question_cannot_contain_the_token_of_the_picture(tmp_path: Path, write: Write, preprocessor_config: Any) -> None:
    codec = read_text_codec(at(opt_folder(tmp_path / "opt", write, preprocessor_config)))

    with pytest.raises(InvalidInputError, match="contains the token of the picture"):
        codec.ids("what is <image>?")


@pytest.mark.parametrize("echoes", [True, False])
def test_decodes_the_ids_of_a_blip_2(tmp_path: Path, write: Write, preprocessor_config: Any, echoes: bool) -> None:
    codec = read_text_codec(at(opt_folder(tmp_path / "opt", write, preprocessor_config)))
    prompt = codec.ids("Question: what? Answer:")
    answer = codec.tokenizer.encode(" a cat\njunk", add_special_tokens=False).ids

    output = np.array([[*(prompt if echoes else ()), *answer, 1, 1]])

    assert codec.new_text(output, prompt) == "a cat"
    assert codec.whole_text(output, prompt) == ("Question: what? Answer: a cat" if echoes else "a cat")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_query_tokens": None}, "num_query_tokens is None; a BLIP-2 or InstructBLIP needs 1 to 1024"),
        ({"image_token_index": 7}, r"'<image>' is token \d+ of the tokenizer but 7 of the model; save both again"),
    ],
)
def test_a_blip_2_that_cannot_be_reproduced_exactly_is_refused(
    tmp_path: Path, write: Write, preprocessor_config: Any, change: dict[str, Any], message: str
) -> None:
    folder = opt_folder(tmp_path / "opt", write, preprocessor_config, **change)

    with pytest.raises(ConfigurationError, match=message):
        read_text_codec(at(folder))


def test_prompts_are_those_of_transformers_blip_processor(tmp_path: Path, words: list[str]) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertTokenizer(vocab={word: id_ for id_, word in enumerate(words)})
    theirs.save_pretrained(tmp_path)
    codec = read_text_codec(at(tmp_path))

    for text in ("", "a picture of", "What colour is it?", "boxs, RÉD  blue!", "unknowable"):
        encoded = theirs(text, padding="max_length", max_length=12)
        ours = codec.inputs(codec.ids(text), 12)
        assert ours["input_ids"][0].tolist() == encoded["input_ids"]
        assert ours["attention_mask"][0].tolist() == encoded["attention_mask"]
        assert codec.whole_text(ours["input_ids"][:, :], ()) == theirs.decode(encoded["input_ids"], skip_special_tokens=True)


def test_prompts_are_those_of_transformers_blip_2_processor(tmp_path: Path, write: Write, preprocessor_config: Any) -> None:
    transformers = pytest.importorskip("transformers")
    folder = opt_folder(tmp_path / "opt", write, preprocessor_config)
    module = pytest.importorskip("transformers.models.blip.image_processing_pil_blip")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="<pad>", eos_token="</s>"
    )
    processor = transformers.Blip2Processor(
        module.BlipImageProcessorPil(size={"height": 24, "width": 24}), fast, num_query_tokens=4
    )

    theirs = processor(images=np.zeros((30, 30, 3), np.uint8), text="Question: why? Answer:", return_tensors="np")

    assert list(read_text_codec(at(folder)).ids("Question: why? Answer:")) == theirs["input_ids"][0].tolist()


def test_the_settings_in_processor_config_come_first_as_in_transformers(
    folder: Path, write: Write, preprocessor_config: Any
) -> None:
    write(folder / "processor_config.json", {"image_processor": preprocessor_config(size={"height": 8, "width": 9})})

    assert read_image_preprocessor(at(folder)).size == (8, 9)


def decoder_folder(folder: Path, write: Write, encoder: str = "vit", **changes: Any) -> Path:
    """Return the checkpoint of a VisionEncoderDecoder whose decoder starts with [DEC]."""
    config = {"model_type": "vision-encoder-decoder", "encoder": {"model_type": encoder}, "decoder": {"pad_token_id": 0}}
    write(folder / "config.json", config | {"decoder_start_token_id": 5} | changes)
    return folder


def test_the_prompt_of_a_decoder_is_its_first_token_and_the_words(folder: Path, write: Write, words: list[str]) -> None:
    codec = read_text_codec(at(decoder_folder(folder, write)))

    assert list(codec.ids("")) == [5]
    assert list(codec.ids("a red")) == [5, words.index("a"), words.index("red")]
    output = np.array([[5, words.index("a"), words.index("red"), words.index("box"), words.index("[SEP]")]])
    assert codec.whole_text(output, codec.ids("a")) == "a red box"
    assert codec.new_text(output, codec.ids("a")) == "red box"


def test_a_donut_has_a_first_token_for_each_task(folder: Path, write: Write, words: list[str]) -> None:
    codec = read_text_codec(at(decoder_folder(folder, write, "donut-swin")))

    assert list(codec.ids("")) == [5]
    assert list(codec.ids("[MASK] red")) == [words.index("[MASK]"), words.index("red")]


def test_the_first_token_of_a_decoder_comes_from_its_generation_settings_first(folder: Path, write: Write) -> None:
    write(decoder_folder(folder, write) / "generation_config.json", {"decoder_start_token_id": 4})

    assert list(read_text_codec(at(folder)).ids("")) == [4]


def test_a_decoder_without_a_first_token_is_refused(folder: Path, write: Write) -> None:
    with pytest.raises(ConfigurationError, match=r"checkpoint 'mine' has no 'decoder_start_token_id'"):
        read_text_codec(at(decoder_folder(folder, write, decoder_start_token_id=None)))

    assert read_text_codec(at(decoder_folder(folder, write))).first == 5


def test_the_pad_token_of_a_decoder_may_come_from_its_config(folder: Path, write: Write) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.save(str(folder / "tokenizer.json"))
    write(folder / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer"})

    assert read_text_codec(at(decoder_folder(folder, write, pad_token_id=1))).pad == 1


def test_a_florence_2_reads_the_pictures_tokens_then_the_words_of_a_task(
    folder: Path, write: Write, words: list[str], preprocessor_config: Any
) -> None:
    write(folder / "config.json", {"model_type": "florence2", "image_token_id": 4, "text_config": {"eos_token_id": 3}})
    with pytest.raises(ConfigurationError, match=r"image_seq_length is None and image_token_id 4; a Florence-2 needs both"):
        read_text_codec(at(folder))
    write(folder / "preprocessor_config.json", preprocessor_config(image_seq_length=3))

    codec = read_text_codec(at(folder))

    assert not codec.echoes
    assert list(codec.ids("a red box"))[:4] == [4, 4, 4, words.index("[CLS]")]
    assert codec.ids("<CAPTION>") == codec.ids("What does the image describe?")
