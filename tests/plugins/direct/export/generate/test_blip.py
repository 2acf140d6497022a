from __future__ import annotations

import pytest

from turnout.errors import ModelLoadError
from turnout_direct.export.generate.blip import BlipAnswerer, BlipCaptioner


@pytest.mark.parametrize("token", ["bos_token_id", "sep_token_id", "pad_token_id"])
def test_a_checkpoint_without_a_special_token_is_refused(token, blip):
    model = blip("BlipForConditionalGeneration", 0)
    setattr(model.config.text_config, token, None)

    with pytest.raises(ModelLoadError, match=f"model 'm': 'text_config.{token}' of the checkpoint's config.json is missing"):
        BlipCaptioner("m", model)


def test_a_captioners_prompt_is_its_own_without_first_and_last_token(blip, batch_of):
    batch = batch_of(0, 4, 6)

    encoded = BlipCaptioner("m", blip("BlipForConditionalGeneration", 0)).encode(*batch.tensors())

    assert encoded.lengths.tolist() == (batch.attention_mask.sum(1) - 1).tolist()
    assert encoded.prompt[:, 0].tolist() == [1] * 4
    assert encoded.prompt[:, 1:].tolist() == batch.input_ids[:, 1:].tolist()


def test_an_answerers_prompt_is_one_token_whatever_the_question(blip, batch_of):
    encoded = BlipAnswerer("m", blip("BlipForQuestionAnswering", 0)).encode(*batch_of(0, 4, 6).tensors())

    assert encoded.prompt.tolist() == [[1]] * 4
    assert encoded.lengths.tolist() == [1] * 4
