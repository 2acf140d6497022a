from __future__ import annotations

from typing import Any

import pytest
import torch

from turnout_direct.export.generate.opt_text import OptText

TOKENS = torch.randint(3, 60, (3, 6), generator=torch.Generator().manual_seed(1))


def language_model(**settings: Any) -> Any:
    from transformers import OPTConfig, OPTForCausalLM

    torch.manual_seed(0)
    sizes = {"vocab_size": 60, "hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = OPTConfig(**sizes, max_position_embeddings=40, **{"word_embed_proj_dim": 32, "dropout": 0.0} | settings)
    model = OPTForCausalLM(config).eval()
    for weight in model.parameters():
        weight.data.normal_(0, 0.3)
    return model


# OPT-350m normalizes after each layer and has smaller word embeddings.
@pytest.mark.parametrize("settings", [{}, {"do_layer_norm_before": False, "word_embed_proj_dim": 16}, {"enable_bias": False}])
@pytest.mark.parametrize("read", [0, 1, 4])
@torch.inference_mode()
def test_a_text_read_at_once_then_step_by_step_is_that_of_transformers(settings, read):
    language = language_model(**settings)
    text = OptText(language)

    cache = text.read(text.embed(TOKENS[:, : read + 1]), 9)
    steps = []
    for position in range(read, 6):
        logits, cache = text.step(text.embed(TOKENS[:, position]), torch.tensor(position), cache)
        steps.append(logits)

    torch.testing.assert_close(torch.stack(steps, 1), language(TOKENS).logits[:, read:], atol=1e-4, rtol=1e-4)
    assert all(not entry[:, :, 6:].any() for entry in cache)
