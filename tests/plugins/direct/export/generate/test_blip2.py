from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from turnout.errors import ExportError
from turnout_direct.export.generate.blip2 import Blip2WithOpt, Blip2WithT5, blip2
from turnout_direct.export.generate.greedy import GreedyDecoding
from turnout_direct.export.generate.loop import DecodingLoop, python_loop
from turnout_direct.export.generate.registry import architecture_of

OPT, T5 = "Blip2ForConditionalGeneration/opt", "Blip2ForConditionalGeneration/t5"


@torch.inference_mode()
def test_the_image_embeddings_equal_those_of_transformers(blip, batch_of):
    model, batch = blip(OPT, 5), batch_of(0, 3, 4, 4)

    words, is_picture = Blip2WithOpt("m", model).encode(*batch.tensors()).memory

    expected = model.get_image_features(batch.pixel_values).pooler_output
    torch.testing.assert_close(words[is_picture].reshape(expected.shape), expected, atol=1e-5, rtol=1e-5)
    text = model.get_input_embeddings()(batch.input_ids)
    assert torch.equal(words[~is_picture], text[~is_picture])


@torch.inference_mode()
def test_image_tokens_are_replaced_anywhere_in_a_prompt(blip, batch_of):
    model, batch = blip(OPT, 5), batch_of(0, 3, 4, 4)
    apart = batch.input_ids[:, [4, 0, 1, 5, 2, 3, 6, 7]]

    words, is_picture = Blip2WithOpt("m", model).encode(batch.pixel_values, apart, batch.attention_mask).memory

    assert is_picture.tolist() == [[False, True, True, False, True, True, False, False]] * 3
    together = Blip2WithOpt("m", model).encode(*batch.tensors()).memory[0]
    assert torch.equal(words[:, [1, 2, 4, 5]], together[:, :4])


def test_decoding_begins_at_the_end_of_the_shortest_prompt(blip, batch_of):
    writer, batch = Blip2WithOpt("m", blip(OPT, 5)), batch_of(0, 5, 7, 4)
    encoded = writer.encode(*batch.tensors())

    position, cache = writer.begin(encoded, 20)

    assert int(position) == int(batch.attention_mask.sum(1).min()) - 1
    assert [tuple(entry.shape) for entry in cache] == [(5, 4, 20, 8)] * 4


def test_an_unsupported_language_model_is_refused_and_a_supported_one_works_afterwards(blip):
    model = blip(OPT, 0)
    other = SimpleNamespace(config=model.config, language_model=torch.nn.Linear(1, 1))

    with pytest.raises(ExportError, match=r"^model 'm': .* OPTForCausalLM, T5For\w+, not with 'Linear'; keep"):
        blip2("m", other)

    assert type(blip2("m", model)) is Blip2WithOpt
    assert type(blip2("m", blip(T5, 0))) is Blip2WithT5


def test_without_a_first_token_there_is_no_default_prompt(blip):
    model = blip(T5, 0)
    assert blip2("m", model).family.default_prompt == (3, 3, 3, 3, 1)

    model.config.text_config.bos_token_id = None

    assert blip2("m", model).family.default_prompt is None


@pytest.mark.parametrize("language", ["opt", "t5"])
@torch.inference_mode()
def test_an_instructblip_reads_the_instruction_twice_and_answers_each_row_as_alone(language, blip, batch_of):
    model, batch = blip(f"InstructBlipForConditionalGeneration/{language}", 3), batch_of(0, 4, 7, 4)
    lengths = torch.tensor([5, 4, 2, 3])
    mask = (torch.arange(5) < lengths[:, None]).long()
    words = torch.randint(4, 60, (4, 5), generator=torch.Generator().manual_seed(0)) * mask
    inputs = (batch.pixel_values, words, mask, batch.input_ids, batch.attention_mask)

    got = DecodingLoop(GreedyDecoding(architecture_of("m", model), width=20), python_loop)(*inputs)[0].tolist()

    for row, length in enumerate(lengths.tolist()):
        count = int(batch.attention_mask[row].sum())
        ids, instruction = batch.input_ids[row : row + 1, :count], words[row : row + 1, :length]
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        given |= {"qformer_input_ids": instruction, "qformer_attention_mask": torch.ones_like(instruction)}
        alone = model.generate(pixel_values=batch.pixel_values[row : row + 1], **given, do_sample=False, max_length=20)[
            0
        ].tolist()
        start = 1 if language == "t5" else count
        end = alone.index(2, start) + 1 if 2 in alone[start:] else len(alone)
        assert got[row][:end] == alone[:end]
    assert len({tuple(row) for row in got}) >= 3
