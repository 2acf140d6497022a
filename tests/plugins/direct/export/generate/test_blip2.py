from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from turnout.errors import ExportError
from turnout_direct.export.generate.blip2 import Blip2WithOpt, Blip2WithT5, blip2

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
