from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from turnout_direct.export.generate.beam import BeamDecoding, BeamSettings
from turnout_direct.export.generate.greedy import GreedyDecoding
from turnout_direct.export.generate.loop import DecodingLoop, python_loop
from turnout_direct.export.generate.registry import architecture_of
from turnout_direct.export.generate.settings import rules_of
from turnout_direct.export.generate.token_rules import TokenRules

LENGTH, END = 20, 2
CAPTIONER, OPT, T5 = "BlipForConditionalGeneration", "Blip2ForConditionalGeneration/opt", "Blip2ForConditionalGeneration/t5"
# class -> the seed of its weights, the number of image tokens in a prompt
MODELS = {CAPTIONER: (0, 0), OPT: (5, 4), T5: (4, 4)}
RULES: list[dict[str, Any]] = [
    {"repetition_penalty": 1.6},
    {"repetition_penalty": 0.7},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2},
    {"no_repeat_ngram_size": 3},
    {"min_length": 12},
    {"min_new_tokens": 7},
    {"forced_eos_token_id": END},
    {"suppress_tokens": [7, 20, 21, 40, 41, 55]},
    {"begin_suppress_tokens": [*range(5, 40)]},
    {"bad_words_ids": [[END], *([token] for token in range(4, 30))]},
    {"no_repeat_ngram_size": 2, "repetition_penalty": 1.3, "min_new_tokens": 4, "forced_eos_token_id": 9},
]


def decode(model: Any, batch: Any, rules: TokenRules | None, beams: int) -> np.ndarray:
    architecture = architecture_of("m", model)
    greedy = GreedyDecoding(architecture, rules, width=LENGTH)
    decoding = greedy if beams == 1 else BeamDecoding(architecture, BeamSettings(beams), rules, width=LENGTH)
    with torch.inference_mode():
        return DecodingLoop(decoding, python_loop)(*batch.tensors())[0].numpy()


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(
    ("name", "rules"), [*((OPT, rules) for rules in RULES), (CAPTIONER, RULES[-1]), (T5, RULES[-1])], ids=str
)
def test_each_row_keeps_the_rules_as_transformers_does_alone(name, rules, beams, blip, batch_of, alone, differing):
    seed, images = MODELS[name]
    model, batch = blip(name, seed), batch_of(seed, 4, 7, images)
    architecture = architecture_of("m", model)

    expected = alone(model, batch, LENGTH, num_beams=beams, **rules)

    assert differing(decode(model, batch, rules_of("m", architecture.family, {}, rules), beams), expected) == []


def test_the_rules_compared_change_the_answers(blip, batch_of, alone, differing):
    seed, images = MODELS[OPT]
    model, batch = blip(OPT, seed), batch_of(seed, 8, 7, images)

    free = alone(model, batch, LENGTH)

    unchanged = [rules for rules in RULES if not differing(alone(model, batch, LENGTH, **rules), free)]
    assert unchanged == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"repetition_penalty": 1.7},
        {"no_repeat_ngram_size": 3},
        {"min_new_tokens": 5},
        {"forced_eos_token_id": 10},
    ],
    ids=str,
)
def test_a_wrong_rule_is_detected(wrong, blip, batch_of, alone, differing):
    seed, images = MODELS[OPT]
    model, batch, right = blip(OPT, seed), batch_of(seed, 8, 7, images), RULES[-1] | {"no_repeat_ngram_size": 2}

    got = decode(model, batch, TokenRules((END,), **right | wrong), 1)

    assert differing(got, alone(model, batch, LENGTH, **right))
    assert not differing(decode(model, batch, TokenRules((END,), **right), 1), alone(model, batch, LENGTH, **right))


def test_a_token_that_is_forced_first_comes_before_those_suppressed_at_the_beginning():
    rules = TokenRules(forced_bos_token_id=3, begin_suppress_tokens=(4,))
    scores, ids = torch.tensor([[0.0, 1.0, 2.0, 3.0, 9.0]]), torch.tensor([[1, 0, 0, 0]])
    starts, limits = torch.tensor([1]), torch.tensor([4])

    first, second = (rules.apply(scores, ids, torch.tensor(count), starts, limits)[0].argmax() for count in (1, 2))

    assert (int(first), int(second)) == (3, 3)
    assert int(rules.apply(scores, ids, torch.tensor(3), starts, limits)[0].argmax()) == 4
