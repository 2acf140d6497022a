from __future__ import annotations

import pytest

from turnout.errors import ExportError
from turnout_direct.export.generate.blip import BlipAnswerer, BlipCaptioner
from turnout_direct.export.generate.settings import check_greedy, width_of
from turnout_direct.generate import Limit
from turnout_direct.generate_options import GenerateOptions


def test_settings_that_leave_a_greedy_answer_alone_pass():
    generation = GenerateOptions(
        max_length=9, num_beams=1, min_length=0, repetition_penalty=1.0, length_penalty=2.0
    ).arguments()

    check_greedy("m", generation, {"do_sample": False, "temperature": 0.5, "suppress_tokens": None})


@pytest.mark.parametrize(
    ("generation", "own", "reason"),
    [
        (
            {"num_beams": 3},
            {},
            "'num_beams' is 3, which has no form in an exported graph.*remove it from turnout.yaml, or keep the model",
        ),
        ({"min_length": 5}, {}, "'min_length' is 5"),
        ({"suppress_tokens": [3]}, {}, r"'suppress_tokens' is \[3\]"),
        ({}, {"num_beams": 3}, "'num_beams' is 3, .*it comes from the checkpoint, so set 'num_beams' to 1 there"),
        ({}, {"do_sample": True}, "'do_sample' is True, .*set 'do_sample' to false there"),
        ({"unheard_of": 1}, {}, "'unheard_of' is 1"),
    ],
)
def test_settings_that_change_a_greedy_answer_are_refused(generation, own, reason):
    with pytest.raises(ExportError, match=f"^model 'm': generation setting {reason}"):
        check_greedy("m", generation, own)


def test_turnout_yaml_overrides_what_the_checkpoint_brings():
    check_greedy("m", {"num_beams": 1}, {"num_beams": 3})


@pytest.fixture(scope="module")
def captioner(blip):
    return BlipCaptioner("m", blip("BlipForConditionalGeneration", 0))


@pytest.fixture(scope="module")
def answerer(blip):
    return BlipAnswerer("m", blip("BlipForQuestionAnswering", 0))


def test_the_width_counts_what_an_answer_begins_with(captioner, answerer):
    assert width_of("m", captioner, Limit(9, None), prompt=None) == 9
    assert width_of("m", captioner, Limit(9, None), prompt=12) == 9
    assert width_of("m", captioner, Limit(None, 4), prompt=12) == 15
    assert width_of("m", answerer, Limit(None, 4), prompt=None) == 5


def test_new_tokens_behind_prompts_of_any_length_have_no_form(captioner):
    with pytest.raises(ExportError, match=r"'max_new_tokens' 4 behind prompts of any length.*set 'max_length'"):
        width_of("m", captioner, Limit(None, 4), prompt=None)


@pytest.mark.parametrize("length", [1, 41])
def test_a_length_that_the_decoder_has_no_positions_for_is_refused(length, captioner):
    with pytest.raises(ExportError, match=f"answers would be {length} tokens long.*positions for 2 to 40"):
        width_of("m", captioner, Limit(length, None), prompt=None)
