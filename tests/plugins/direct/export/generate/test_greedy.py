from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from turnout_direct.export.generate.architecture import Architecture, Encoded
from turnout_direct.export.generate.blip import BlipAnswerer, BlipCaptioner
from turnout_direct.export.generate.blip2 import Blip2WithOpt, Blip2WithT5
from turnout_direct.export.generate.greedy import GreedyDecoding
from turnout_direct.export.generate.loop import DecodingLoop, python_loop

LENGTH, END, PAD = 20, 2, 0
CAPTIONER, ANSWERER = "BlipForConditionalGeneration", "BlipForQuestionAnswering"
OPT, T5 = "Blip2ForConditionalGeneration/opt", "Blip2ForConditionalGeneration/t5"
ADAPTERS: dict[str, Any] = {CAPTIONER: BlipCaptioner, ANSWERER: BlipAnswerer, OPT: Blip2WithOpt, T5: Blip2WithT5}
IMAGES = {CAPTIONER: 0, ANSWERER: 0, OPT: 4, T5: 4}


def decode(architecture: Architecture, batch: Any, max_length: int = LENGTH) -> np.ndarray:
    decoding = DecodingLoop(GreedyDecoding(architecture, width=max_length), python_loop)
    with torch.inference_mode():
        return decoding(*batch.tensors())[0].numpy()


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_row_of_a_ragged_batch_is_answered_as_transformers_answers_it_alone(
    name, blip, batch_of, alone, differing, check_varied
):
    models = [blip(name, seed) for seed in (5, 4, 3, 1)]
    batches = [batch_of(seed, 8, 7, IMAGES[name]) for seed in range(4)]

    expected = [alone(model, batch, LENGTH) for model, batch in zip(models, batches, strict=True)]
    got = [decode(ADAPTERS[name]("m", model), batch) for model, batch in zip(models, batches, strict=True)]

    check_varied(np.concatenate(expected))
    assert differing(np.concatenate(got), np.concatenate(expected)) == []


@pytest.mark.parametrize("name", [CAPTIONER, ANSWERER])
def test_a_padded_batch_in_transformers_differs_from_rows_answered_alone(name, blip, batch_of, alone, differing):
    model, batch = blip(name, 0), batch_of(0, 8, 7)

    together = model.generate(
        **{key: torch.from_numpy(array) for key, array in batch.arrays().items()}, do_sample=False, max_length=LENGTH
    )

    padded = torch.nn.functional.pad(together, (0, LENGTH - together.shape[1]), value=PAD)
    assert differing(padded, alone(model, batch, LENGTH))


class LongestPromptForAll(BlipCaptioner):
    def encode(self, *inputs: torch.Tensor) -> Encoded:
        encoded = super().encode(*inputs)
        return encoded._replace(lengths=encoded.lengths.max().expand_as(encoded.lengths))


class LastPromptTokenKept(BlipCaptioner):
    def encode(self, *inputs: torch.Tensor) -> Encoded:
        encoded = super().encode(*inputs)
        return encoded._replace(lengths=encoded.lengths + 1)


class OnePositionTooFar(BlipCaptioner):
    def step(self, token, position, memory, cache):
        return super().step(token, position + 1, memory, cache)


class ForgetfulCache(BlipCaptioner):
    def step(self, token, position, memory, cache):
        return super().step(token, position, memory, cache)[0], cache


class PicturesOfNeighbors(BlipCaptioner):
    def encode(self, pixel_values, input_ids, attention_mask):
        return super().encode(pixel_values.roll(1, 0), input_ids, attention_mask)


class QuestionPaddingSeen(BlipAnswerer):
    def encode(self, *inputs: torch.Tensor) -> Encoded:
        encoded = super().encode(*inputs)
        return encoded._replace(memory=(*encoded.memory[:-1], torch.ones_like(encoded.memory[-1])))


class PictureOneTokenLate(Blip2WithOpt):
    def encode(self, *inputs: torch.Tensor) -> Encoded:
        encoded = super().encode(*inputs)
        return encoded._replace(memory=tuple(part.roll(1, 1) for part in encoded.memory))


class PicturesWithoutQueries(Blip2WithOpt):
    def _embed_image(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return super()._embed_image(pixel_values).roll(1, 1)


class PromptReadBackwards(Blip2WithOpt):
    def begin(self, encoded: Encoded, width: int) -> Any:
        words, *rest = encoded.memory
        return super().begin(encoded._replace(memory=(words.flip(1), *rest)), width)


class PaddingSeenByT5(Blip2WithT5):
    def encode(self, *inputs: torch.Tensor) -> Encoded:
        return super().encode(*inputs[:-1], torch.ones_like(inputs[-1]))


SABOTAGED = [
    (OPT, PictureOneTokenLate),
    (OPT, PicturesWithoutQueries),
    (OPT, PromptReadBackwards),
    (T5, PaddingSeenByT5),
    (CAPTIONER, LongestPromptForAll),
    (CAPTIONER, LastPromptTokenKept),
    (CAPTIONER, OnePositionTooFar),
    (CAPTIONER, ForgetfulCache),
    (CAPTIONER, PicturesOfNeighbors),
    (ANSWERER, QuestionPaddingSeen),
]


@pytest.mark.parametrize(("name", "adapter"), SABOTAGED, ids=lambda value: getattr(value, "__name__", value))
def test_a_wrong_adapter_is_detected(name, adapter, blip, batch_of, alone, differing):
    model, batch = blip(name, 0), batch_of(0, 8, 7, IMAGES[name])

    got = decode(adapter("m", model), batch)

    assert differing(got, alone(model, batch, LENGTH))


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_the_neighbors_of_a_row_do_not_change_its_answer(name, rows, blip, batch_of, differing):
    architecture, batch = ADAPTERS[name]("m", blip(name, 0)), batch_of(5, 8, 7, IMAGES[name])
    fewer = SimpleNamespace(tensors=lambda: tuple(tensor[:rows] for tensor in batch.tensors()))

    assert differing(decode(architecture, fewer), decode(architecture, batch)[:rows]) == []


def test_a_prompt_of_two_tokens_is_no_prompt(blip, batch_of):
    model, batch = blip(CAPTIONER, 4), batch_of(1, 4, 2)

    got = decode(BlipCaptioner("m", model), batch)

    unprompted = [
        model.generate(pixel_values=picture[None], do_sample=False, max_length=LENGTH)[0] for picture in batch.pixel_values
    ]
    assert [row[row != PAD].tolist() for row in got] == [row[row != PAD].tolist() for row in unprompted]
    assert len({tuple(row) for row in got.tolist()}) == 4


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_end_token_inside_a_prompt_ends_nothing(name, blip, batch_of, alone, differing):
    model, batch = blip(name, 0), batch_of(2, 6, 7, IMAGES[name])
    batch.input_ids[:, IMAGES[name] + 1] = END

    assert differing(decode(ADAPTERS[name]("m", model), batch), alone(model, batch, LENGTH)) == []


@pytest.mark.parametrize("max_length", [2, 8, 39])
def test_the_answer_is_as_long_as_max_length_lets_it_be(max_length, blip, batch_of, alone, differing):
    model, batch = blip(CAPTIONER, 4), batch_of(3, 4, min(7, max_length))

    assert differing(decode(BlipCaptioner("m", model), batch, max_length), alone(model, batch, max_length)) == []


def test_only_padding_follows_the_end_token(blip, batch_of):
    got = decode(BlipCaptioner("m", blip(CAPTIONER, 2)), batch_of(2, 8, 3))

    ended = [row.tolist() for row in got if END in row[:-1]]
    assert ended
    assert all(set(row[row.index(END) + 1 :]) == {PAD} for row in ended)


def test_a_prompt_longer_than_the_answer_is_cut(blip, batch_of):
    batch = batch_of(0, 2, 7)

    got = decode(BlipCaptioner("m", blip(CAPTIONER, 0)), batch, max_length=4)

    assert got[0].tolist() == [1, *batch.input_ids[0, 1:4].tolist()]


def test_the_loop_stops_when_every_row_has_ended(blip, batch_of):
    steps = []

    class Counted(BlipCaptioner):
        def step(self, *inputs):
            steps.append(1)
            return super().step(*inputs)

    got = decode(Counted("m", blip(CAPTIONER, 2)), batch_of(2, 2, 3), max_length=39)

    lengths = [row.tolist().index(END) for row in got]
    assert len(steps) == max(lengths)
    assert max(lengths) < 38
