from __future__ import annotations

import pytest

from turnout.errors import ExportError
from turnout_direct.export.generate.settings import check_greedy, max_length
from turnout_direct.generate_options import GenerateOptions


def test_settings_that_leave_a_greedy_answer_alone_pass():
    generation = GenerateOptions(max_length=9, num_beams=1, min_length=0, repetition_penalty=1.0, length_penalty=2.0).arguments()

    check_greedy("m", generation, {"do_sample": False, "temperature": 0.5, "suppress_tokens": None})


@pytest.mark.parametrize(
    ("generation", "own", "reason"),
    [
        ({"num_beams": 3}, {}, r"'num_beams': 3 has no form in an exported graph.*remove it from turnout.yaml, or keep the model"),
        ({"min_length": 5}, {}, "'min_length': 5"),
        ({"suppress_tokens": [3]}, {}, r"'suppress_tokens': \[3\]"),
        ({}, {"num_beams": 3}, "'num_beams': 3 .*set 'num_beams: 1' in turnout.yaml"),
        ({}, {"do_sample": True}, "'do_sample': True .*set 'do_sample: false' in turnout.yaml"),
        ({"unheard_of": 1}, {}, "'unheard_of': 1"),
    ],
)
def test_settings_that_change_a_greedy_answer_are_refused(generation, own, reason):
    with pytest.raises(ExportError, match=f"^model 'm': generation setting {reason}"):
        check_greedy("m", generation, own)


def test_turnout_yaml_overrides_what_the_checkpoint_brings():
    check_greedy("m", {"num_beams": 1}, {"num_beams": 3})


@pytest.mark.parametrize(
    ("generation", "own", "prompt", "length"),
    [
        ({"max_length": 9}, {}, None, 9),
        ({"max_length": 9}, {"max_new_tokens": 4}, 1, 9),
        ({"max_new_tokens": 4}, {}, 1, 5),
        ({}, {"max_new_tokens": 6}, 1, 7),
        ({}, {"max_length": 12}, None, 12),
        ({}, {}, None, 20),
        ({}, {"max_length": None}, None, 20),
    ],
)
def test_the_length_of_an_answer_counts_its_prompt(generation, own, prompt, length):
    assert max_length("m", generation, own, prompt=prompt, positions=40) == length


def test_new_tokens_after_prompts_of_any_length_have_no_form():
    with pytest.raises(ExportError, match="'max_new_tokens': 4 gives each prompt another length.*set 'max_length'"):
        max_length("m", {"max_new_tokens": 4}, {}, prompt=None, positions=40)


@pytest.mark.parametrize("length", [1, 41])
def test_a_length_that_the_decoder_has_no_positions_for_is_refused(length):
    with pytest.raises(ExportError, match=f"must be a whole number from 2 to 40.*got {length}"):
        max_length("m", {"max_length": length}, {}, prompt=None, positions=40)
