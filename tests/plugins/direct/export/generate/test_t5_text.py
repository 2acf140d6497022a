from __future__ import annotations

from typing import Any

import pytest
import torch

from turnout_direct.export.generate.t5_text import T5Text

LENGTHS = torch.tensor([20, 3, 12])


def language_model(**settings: Any) -> Any:
    """Return a T5 with inputs longer than its greatest distance bucket."""
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    sizes = {"vocab_size": 60, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    near = {"relative_attention_num_buckets": 8, "relative_attention_max_distance": 9, "decoder_start_token_id": 0}
    model = T5ForConditionalGeneration(T5Config(**sizes, **near, **settings)).eval()
    for name, weight in model.named_parameters():
        weight.data.normal_(0, 2 if "relative" in name else 0.3)
    return model


# Flan-T5 has gated layers and its own language head.
@pytest.mark.parametrize("settings", [{}, {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}])
@torch.inference_mode()
def test_a_text_is_read_and_answered_as_transformers_does_alone(settings):
    language, random = language_model(**settings), torch.Generator().manual_seed(1)
    words, answers = torch.randn(3, 20, 32, generator=random), torch.randint(3, 60, (3, 14), generator=random)
    text, mask = T5Text(language), torch.arange(20) < LENGTHS[:, None]

    memory = text.cross_memory(text.read(words, mask))
    cache, steps = text.empty_cache(memory, 16), []
    for position in range(14):
        logits, cache = text.step(answers[:, position], torch.tensor(position), memory, mask, cache)
        steps.append(logits)

    for row, length in enumerate(LENGTHS.tolist()):
        alone = language(inputs_embeds=words[row : row + 1, :length], decoder_input_ids=answers[row : row + 1]).logits[0]
        torch.testing.assert_close(torch.stack(steps, 1)[row], alone, atol=1e-4, rtol=1e-4)
    assert all(not entry[:, :, 14:].any() for entry in cache)
