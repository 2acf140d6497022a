from __future__ import annotations

import pytest

from turnout.errors import ExportError
from turnout_direct.export.generate.beam import BeamSettings
from turnout_direct.export.generate.blip2 import Blip2WithOpt
from turnout_direct.export.generate.settings import beams_of, rules_of, width_of
from turnout_direct.export.generate.token_rules import TokenRules
from turnout_direct.generation_options import GenerationOptions
from turnout_direct.length_limit import LengthLimit


def test_settings_that_do_not_change_a_greedy_answer_are_accepted():
    generation = GenerationOptions(max_length=9, num_beams=1, length_penalty=2.0).arguments()

    assert beams_of("m", generation, {"do_sample": False, "temperature": 0.5, "suppress_tokens": None}) is None


def test_beam_settings_in_turnout_yaml_override_the_checkpoint():
    own = {"num_beams": 5, "length_penalty": -1.0, "early_stopping": True, "max_length": 9}

    assert beams_of("m", {}, own) == BeamSettings(5, -1.0, early_stopping=True)
    assert beams_of("m", {"num_beams": 2, "early_stopping": "never"}, own) == BeamSettings(2, -1.0, "never")
    assert beams_of("m", {"num_beams": 2}, {"length_penalty": None}) == BeamSettings(2, 1.0, early_stopping=False)
    assert beams_of("m", {"num_beams": 1}, own) is None


@pytest.mark.parametrize(
    ("generation", "own", "reason"),
    [
        (
            {"guidance_scale": 1.5},
            {},
            "'guidance_scale' is 1.5, which an exported graph cannot express.*remove it from turnout.yaml, or keep",
        ),
        ({"num_beams": 3, "diversity_penalty": 0.5}, {}, "'diversity_penalty' is 0.5"),
        ({}, {"encoder_no_repeat_ngram_size": 2}, "'encoder_no_repeat_ngram_size' is 2"),
        ({}, {"num_beam_groups": 3}, "'num_beam_groups' is 3, .*it comes from the checkpoint, so set 'num_beam_groups' to 1"),
        ({}, {"do_sample": True}, "'do_sample' is True, .*set 'do_sample' to false there"),
        ({"unheard_of": 1}, {}, "'unheard_of' is 1"),
    ],
)
def test_other_settings_that_change_an_answer_are_refused_and_good_ones_work_afterwards(generation, own, reason):
    with pytest.raises(ExportError, match=f"^model 'm': generation setting {reason}"):
        beams_of("m", generation, own)

    assert beams_of("m", {"num_beams": 2}, {}) == BeamSettings(2)


def test_rules_in_turnout_yaml_override_the_checkpoint(captioner):
    own = {"no_repeat_ngram_size": 3, "forced_eos_token_id": 2, "bad_words_ids": [[2], [7]], "max_length": 9}

    assert rules_of("m", captioner.family, {}, own) == TokenRules(
        (2,), no_repeat_ngram_size=3, forced_eos_token_id=2, suppress_tokens=(7,)
    )
    assert rules_of("m", captioner.family, {"no_repeat_ngram_size": 0}, {"no_repeat_ngram_size": 3}) is None
    assert rules_of("m", captioner.family, {"suppress_tokens": [5]}, {}) == TokenRules((2,), suppress_tokens=(5,))


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"bad_words_ids": [[3], [4, 5]]}, r"'bad_words_ids' is \[\[4, 5\]\].*remove words of several tokens there"),
        ({"forced_eos_token_id": [2, 4]}, r"'forced_eos_token_id' is \[2, 4\].*write one id"),
    ],
)
def test_rules_that_a_graph_cannot_express_are_refused(own, reason, captioner):
    with pytest.raises(ExportError, match=f"^model 'm': generation setting {reason}"):
        rules_of("m", captioner.family, {}, own)

    assert rules_of("m", captioner.family, {}, {}) is None


def test_the_width_counts_what_an_answer_begins_with(captioner, answerer):
    assert width_of("m", captioner, LengthLimit(9, None), prompt=None) == 9
    assert width_of("m", captioner, LengthLimit(9, None), prompt=12) == 9
    assert width_of("m", captioner, LengthLimit(None, 4), prompt=12) == 15
    assert width_of("m", answerer, LengthLimit(None, 4), prompt=None) == 5


def test_new_tokens_after_prompts_of_any_length_are_refused(captioner):
    with pytest.raises(
        ExportError, match=r"'max_new_tokens' 4 after prompts of any length.*write 'generate: {max_length: 19}'"
    ):
        width_of("m", captioner, LengthLimit(None, 4), prompt=None)


@pytest.mark.parametrize(("length", "nearest"), [(1, 2), (41, 40)])
def test_a_length_that_the_decoder_does_not_support_is_refused(length, nearest, captioner):
    advice = f"write 'generate: {{max_length: {nearest}}}'"
    with pytest.raises(ExportError, match=f"answers would be {length} tokens long.*supports 2 to 40.*{advice}"):
        width_of("m", captioner, LengthLimit(length, None), prompt=None)


def test_an_answer_needs_room_after_the_image_tokens(blip):
    writer = Blip2WithOpt("m", blip("Blip2ForConditionalGeneration/opt", 0))

    assert width_of("m", writer, LengthLimit(5, None), prompt=None) == 5
    with pytest.raises(ExportError, match=r"answers would be 4 tokens long.*supports 5 to 64"):
        width_of("m", writer, LengthLimit(4, None), prompt=None)
