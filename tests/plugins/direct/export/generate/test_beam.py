from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from turnout_direct.export.generate.beam import BeamDecoding, BeamSettings
from turnout_direct.export.generate.loop import DecodingLoop, python_loop
from turnout_direct.export.generate.registry import architecture_of

LENGTH, END = 20, 2
CAPTIONER, ANSWERER = "BlipForConditionalGeneration", "BlipForQuestionAnswering"
OPT, T5 = "Blip2ForConditionalGeneration/opt", "Blip2ForConditionalGeneration/t5"
# class -> seeds of weights, the number of image tokens in a prompt
MODELS = {CAPTIONER: ((0, 4), 0), ANSWERER: ((2, 3), 0), OPT: ((5, 3), 4), T5: ((4, 2), 4)}
SETTINGS = [
    BeamSettings(2),
    BeamSettings(3, early_stopping=True),
    BeamSettings(4, length_penalty=0.6),
    BeamSettings(4, length_penalty=2.0, early_stopping="never"),
    BeamSettings(3, length_penalty=-1.0, early_stopping="never"),
    BeamSettings(5, length_penalty=0.0),
    BeamSettings(2, length_penalty=1.5, early_stopping=True),
]


def decode(model: Any, batch: Any, settings: BeamSettings, kind: type[BeamDecoding] = BeamDecoding) -> np.ndarray:
    decoding = DecodingLoop(kind(architecture_of("m", model), settings, width=LENGTH), python_loop)
    with torch.inference_mode():
        return decoding(*batch.tensors())[0].numpy()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(map(str, settings)))
def test_every_row_of_a_ragged_batch_is_searched_as_transformers_does_alone(name, settings, blip, batch_of, alone, differing):
    seeds, images = MODELS[name]
    models = [blip(name, seed) for seed in seeds]
    batches = [batch_of(seed, 6, 7, images) for seed in seeds]

    expected = [alone(model, batch, LENGTH, **settings._asdict()) for model, batch in zip(models, batches, strict=True)]
    got = [decode(model, batch, settings) for model, batch in zip(models, batches, strict=True)]

    assert len({tuple(row) for row in np.concatenate(expected).tolist()}) >= 7
    assert differing(np.concatenate(got), np.concatenate(expected)) == []


def test_the_settings_compared_give_other_answers_than_greedy_decoding_and_than_each_other(blip, batch_of, alone):
    model, batch = blip(ANSWERER, 2), batch_of(2, 8, 7)

    answers = [alone(model, batch, LENGTH, **settings._asdict()) for settings in (BeamSettings(1), *SETTINGS)]

    assert len({answer.tobytes() for answer in answers}) >= 6


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_the_neighbors_of_a_row_do_not_change_its_answer(rows, blip, batch_of, differing):
    model, batch = blip(CAPTIONER, 0), batch_of(5, 8, 7)
    fewer = type(batch)(*(tensor[:rows] for tensor in batch.tensors()))

    assert differing(decode(model, fewer, SETTINGS[2]), decode(model, batch, SETTINGS[2])[:rows]) == []


class CountsThePrompt(BeamDecoding):
    def _penalty(self, length):
        return super()._penalty(length + 3)


class LooksNotFar(BeamDecoding):
    def _assumes_full_length(self):
        return False


class LooksFar(BeamDecoding):
    def _assumes_full_length(self):
        return True


class KeepsTheCache(BeamDecoding):
    def _select_running(self, candidates):
        going, source = super()._select_running(candidates)
        return going, torch.arange(self.beams).expand_as(source)


class LetsUnlikelyOnesJoin(BeamDecoding):
    def _merge_finished(self, beams, candidates, length):
        return super()._merge_finished(beams, candidates._replace(scores=candidates.scores.flip(1)), length)


class NeverHopes(BeamDecoding):
    def _evaluate(self, *inputs):
        judged = super()._evaluate(*inputs)
        return judged._replace(done=judged.done | judged.finished.any(dim=1))


SABOTAGED = [
    (CountsThePrompt, SETTINGS[1]),
    (LooksNotFar, SETTINGS[3]),
    (LooksFar, SETTINGS[0]),
    (KeepsTheCache, SETTINGS[0]),
    (LetsUnlikelyOnesJoin, SETTINGS[0]),
    (NeverHopes, SETTINGS[2]),
]


@pytest.mark.parametrize(("kind", "settings"), SABOTAGED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_search_is_detected(kind, settings, blip, batch_of, alone, differing):
    seen = []
    for name, (seeds, images) in MODELS.items():
        for seed in seeds:
            model, batch = blip(name, seed), batch_of(3, 8, 7, images)
            seen += differing(decode(model, batch, settings, kind), alone(model, batch, LENGTH, **settings._asdict()))

    assert seen


def test_a_prompt_longer_than_the_answer_is_cut(blip, batch_of):
    batch = batch_of(0, 2, 30)

    assert decode(blip(CAPTIONER, 0), batch, SETTINGS[0])[0].tolist() == [1, *batch.input_ids[0, 1:LENGTH].tolist()]
