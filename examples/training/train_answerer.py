"""Training of the answerer's text encoder and decoder; the vision encoder is the captioner's, unchanged.

    python -m examples.training.train_answerer --pool POOL --captioner examples/checkpoints/captioner \
        --out examples/checkpoints/answerer
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from examples.training import checkpoints, features, models, pool, tokenizer
from examples.training.augmentation import schedule
from examples.training.train_captioner import IGNORED, encode
from torch import nn
from transformers import BlipForConditionalGeneration

QUESTION_TOKENS = 10
ANSWER_TOKENS = 6
# How often a kind of question is repeated, because it is rare in the pool or hard.
OFTEN = {"how many": 4, "what is": 3}


class QuestionData:
    """Features of pictures with all their questions; those of the last shard are for validation."""

    def __init__(self, folder: Path, vision: nn.Module, limit: int) -> None:
        arrays = pool.load(folder, ("scene", "crop", "texts"))
        kept = len(arrays["texts"]) - limit
        texts = [json.loads(text) for text in arrays["texts"][kept:]]
        pictures = np.concatenate([arrays["scene"][kept:], arrays["crop"][kept:][::2]])
        self.embeds = features.embed(vision, pictures)
        exchanges_of = [entry["scene_questions"] for entry in texts] + [entry["crop_questions"] for entry in texts[::2]]
        flat = [(row, *exchange) for row, exchanges in enumerate(exchanges_of) for exchange in exchanges]
        self.rows = np.array([row for row, _, _ in flat])
        self.questions = torch.from_numpy(encode([text for _, text, _ in flat], QUESTION_TOKENS, tokenizer.CLS))
        self.answers = torch.from_numpy(encode([text for _, _, text in flat], ANSWER_TOKENS, tokenizer.DEC))
        number = np.where(self.rows < limit, self.rows, (self.rows - limit) * 2)
        is_validation = number >= limit - pool.SHARD
        often = np.array([OFTEN.get(" ".join(text.split()[:2]), 1) for _, text, _ in flat])
        self.training = np.repeat(np.arange(len(flat)), often * ~is_validation)
        self.validation = np.flatnonzero(is_validation)[::8]

    def batch(self, chosen: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the embeds, questions and answers of the chosen exchanges."""
        return self.embeds[self.rows[chosen]].float(), self.questions[chosen], self.answers[chosen]


def answer_logits(model: nn.Module, embeds: torch.Tensor, questions: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """Return the decoder's logits for the answers."""
    known = (questions != tokenizer.PAD).long()
    read = model.text_encoder(input_ids=questions, attention_mask=known, encoder_hidden_states=embeds).last_hidden_state
    return model.text_decoder(
        input_ids=answers,
        attention_mask=(answers != tokenizer.PAD).long(),
        encoder_hidden_states=read,
        encoder_attention_mask=known,
        use_cache=False,
    ).logits


@torch.no_grad()
def validate(model: nn.Module, data: QuestionData) -> float:
    """Return the fraction of correct answers on the validation shard, with the most likely token at each position."""
    right = []
    for chosen in np.array_split(data.validation, 8):
        embeds, questions, answers = data.batch(chosen)
        guessed = answer_logits(model, embeds, questions, answers).argmax(-1)[:, :-1]
        right += ((guessed == answers[:, 1:]) | (answers[:, 1:] == tokenizer.PAD)).all(dim=1).tolist()
    return float(np.mean(right))


def main() -> None:
    """Train; save the checkpoint regularly and at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--captioner", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=14000)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--start", type=Path, help="a checkpoint whose text encoder and decoder to continue from")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    trained = BlipForConditionalGeneration.from_pretrained(arguments.captioner, dtype=torch.float32)
    model = models.answerer()
    if arguments.start:
        model = type(model).from_pretrained(arguments.start, dtype=torch.float32).train()
    model.vision_model.load_state_dict(trained.vision_model.state_dict())
    started = time.monotonic()
    data = QuestionData(arguments.pool, model.vision_model.eval(), arguments.pictures)
    parameters = [*model.text_encoder.parameters(), *model.text_decoder.parameters()]
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {time.monotonic() - started:.0f}s", flush=True)
    optimizer = torch.optim.AdamW(parameters, lr=arguments.rate, weight_decay=0.02, betas=(0.9, 0.98))
    for step in range(arguments.steps):
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * schedule(step, arguments.steps)
        embeds, questions, answers = data.batch(rng.choice(data.training, arguments.batch))
        targets = answers[:, 1:].masked_fill(answers[:, 1:] == tokenizer.PAD, IGNORED)
        logits = answer_logits(model, embeds, questions, answers)[:, :-1]
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"{step} {time.monotonic() - started:.0f}s loss {loss:.4f}", flush=True)
        if step % 400 == 399:
            print(f"{step} right {validate(model.eval(), data):.4f}", flush=True)
            checkpoints.save_for_text(copy.deepcopy(model), arguments.out)
            model.train()
    checkpoints.save_for_text(model.eval(), arguments.out)
    print(f"rounded right {validate(model, data):.4f} {time.monotonic() - started:.0f}s")


if __name__ == "__main__":
    main()
