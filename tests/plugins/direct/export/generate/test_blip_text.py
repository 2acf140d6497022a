from __future__ import annotations

import pytest
import torch

from turnout_direct.export.generate.blip_text import BlipText

STATES = torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def bert(blip):
    return blip("BlipForQuestionAnswering", 0).text_decoder.bert


@torch.inference_mode()
def test_step_by_step_states_are_those_of_transformers_in_one_pass(bert):
    text, tokens = BlipText(bert), torch.randint(3, 60, (3, 6), generator=torch.Generator().manual_seed(1))
    memory = text.cross_memory(STATES)
    cache = text.empty_cache(STATES, 9)

    steps = []
    for position in range(6):
        state, cache = text.step(tokens[:, position], torch.tensor(position), memory, None, cache)
        steps.append(state)

    whole = bert(tokens, encoder_hidden_states=STATES, is_decoder=True).last_hidden_state
    torch.testing.assert_close(torch.stack(steps, 1), whole, atol=1e-5, rtol=1e-5)
    assert all(not entry[:, :, 6:].any() for entry in cache)


@torch.inference_mode()
def test_a_text_is_read_as_transformers_reads_it_alone(bert):
    text, tokens = BlipText(bert), torch.randint(3, 60, (3, 6), generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([6, 2, 4])

    states = text.read(tokens, torch.arange(6) < lengths[:, None], text.cross_memory(STATES))

    for row, length in enumerate(lengths.tolist()):
        alone = bert(tokens[row : row + 1, :length], encoder_hidden_states=STATES[row : row + 1], is_decoder=False)
        torch.testing.assert_close(states[row, :length], alone.last_hidden_state[0], atol=1e-5, rtol=1e-5)
