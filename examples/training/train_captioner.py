"""Training of the captioner; an auxiliary loss predicts the color and shape of every patch, and its head is not saved.

python -m examples.training.train_captioner --pool POOL --out examples/checkpoints/captioner
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from examples.training import checkpoints, crops, models, pool, tokenizer
from examples.training.augmentation import brighten, schedule
from examples.training.shapes import COLORS, SHAPES
from numpy.typing import NDArray
from torch import nn

IGNORED = -100
CAPTION_TOKENS = 14


class PatchHead(nn.Module):
    """Predicts the color and the shape of every patch; it trains the vision encoder and is not saved."""

    def __init__(self) -> None:
        super().__init__()
        self.color = nn.Linear(models.HIDDEN, 1 + len(COLORS))
        self.shape = nn.Linear(models.HIDDEN, 1 + len(SHAPES))

    def loss(self, embeds: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the cross entropy of both predictions: ``embeds`` [B, 145, H], ``labels`` [B, 12, 12]."""
        flat = labels.flatten().long()
        known = flat > 0
        color = torch.where(known, (flat - 1) // len(SHAPES) + 1, flat)
        shape = torch.where(known, (flat - 1) % len(SHAPES) + 1, flat)
        patches = embeds[:, 1:].flatten(0, 1)
        entropy = nn.functional.cross_entropy
        return entropy(self.color(patches), color, ignore_index=IGNORED) + entropy(
            self.shape(patches), shape, ignore_index=IGNORED
        )


def encode(texts: list[str], length: int, first: int) -> NDArray[np.int64]:
    """Return token ids [len(texts), length], right-padded, with ``first`` instead of [CLS]."""
    table = tokenizer.build()
    table.enable_padding(pad_id=tokenizer.PAD, length=length)
    ids = np.array([entry.ids for entry in table.encode_batch(texts)], np.int64)
    ids[:, 0] = first
    return ids


class CaptionData:
    """The shards in memory: pictures, patch labels and captions; the last shard is for validation."""

    def __init__(self, folder: Path) -> None:
        arrays = pool.load(folder, ("scene", "scene_patches", "crop", "crop_patches", "texts"))
        texts = [json.loads(text) for text in arrays["texts"]]
        self.pictures = np.concatenate([arrays["scene"], arrays["crop"]])
        self.patches = np.concatenate([arrays["scene_patches"], arrays["crop_patches"]])
        plain = [t["captions"][0] if t["captions"] else "" for t in texts] + [t["name"] for t in texts]
        mirrored = [t["captions"][1] if t["captions"] else "" for t in texts] + [t["name"] for t in texts]
        self.ids = np.stack([encode(words, CAPTION_TOKENS, tokenizer.DEC) for words in (plain, mirrored)])
        self.captioned = np.array([bool(text) for text in plain])
        self.single = np.array([" of " not in text and "above" not in text for text in plain])
        half = len(texts)
        kept = np.arange(half - pool.SHARD, half)
        self.validation = np.concatenate([kept[self.captioned[kept]], kept + half])
        training = np.setdiff1d(np.arange(2 * half), np.concatenate([kept, kept + half]))
        pairs = self.captioned & ~self.single
        self.scenes_of_two = training[pairs[training]]
        self.others = training[~pairs[training]]

    def batch(self, rng: np.random.Generator, size: int, share_of_two: float) -> tuple[torch.Tensor, ...]:
        """Return pixel values, token ids, a mask of the rows with a caption, and patch labels."""
        two = int(size * share_of_two)
        rows = np.concatenate([rng.choice(self.scenes_of_two, two), rng.choice(self.others, size - two)])
        mirror = rng.random(size) < 0.5
        pictures, patches = self.pictures[rows], self.patches[rows]
        pictures = np.where(mirror[:, None, None, None], pictures[:, :, ::-1], pictures)
        patches = np.where(mirror[:, None, None], patches[:, :, ::-1], patches)
        pixels = brighten(rng, crops.normalize(pictures))
        ids = self.ids[mirror.astype(int), rows]
        return tuple(torch.from_numpy(a) for a in (pixels, ids, self.captioned[rows], patches.copy()))


def caption_loss(logits: torch.Tensor, ids: torch.Tensor, captioned: torch.Tensor) -> torch.Tensor:
    """Return the cross entropy of the next token in the rows with a caption."""
    targets = ids[:, 1:].masked_fill(ids[:, 1:] == tokenizer.PAD, IGNORED)
    targets = targets.masked_fill(~captioned[:, None], IGNORED)
    return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def logits_of(model: nn.Module, embeds: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Return the decoder's logits for captions read from ``embeds``."""
    return model.text_decoder(
        input_ids=ids, attention_mask=(ids != tokenizer.PAD).long(), encoder_hidden_states=embeds, use_cache=False
    ).logits


@torch.no_grad()
def validate(model: nn.Module, data: CaptionData, limit: int = 800) -> str:
    """Return the fractions of exact captions on the validation shard, with the most likely token at each position."""
    right: dict[bool, list[bool]] = {True: [], False: []}
    for rows in np.array_split(data.validation[:: max(1, len(data.validation) // limit)], 8):
        ids = torch.from_numpy(data.ids[0, rows])
        embeds = model.vision_model(torch.from_numpy(crops.normalize(data.pictures[rows]))).last_hidden_state
        guessed = logits_of(model, embeds, ids).argmax(-1)[:, :-1]
        same = ((guessed == ids[:, 1:]) | (ids[:, 1:] == tokenizer.PAD)).all(dim=1)
        for row, exact in zip(rows, same.tolist(), strict=True):
            right[bool(data.single[row])].append(exact)
    return f"single {np.mean(right[True]):.4f} two {np.mean(right[False]):.4f}"


def main() -> None:
    """Train; save the checkpoint regularly and at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--start", type=Path, help="a checkpoint to continue from")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    data = CaptionData(arguments.pool)
    model = models.captioner()
    if arguments.start:
        model = type(model).from_pretrained(arguments.start, dtype=torch.float32)
    head = PatchHead()
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    parameters = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=arguments.rate, weight_decay=0.02, betas=(0.9, 0.98))
    started = time.monotonic()
    for step in range(arguments.steps):
        progress = step / arguments.steps
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * schedule(step, arguments.steps)
        pixels, ids, captioned, patches = data.batch(rng, arguments.batch, 0.1 if progress < 0.15 else 0.5)
        embeds = model.vision_model(pixels).last_hidden_state
        words = caption_loss(logits_of(model, embeds, ids), ids, captioned)
        seen = head.loss(embeds, patches)
        loss = words + (1.0 if progress < 0.5 else 0.4) * seen
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"{step} {time.monotonic() - started:.0f}s words {words:.4f} patches {seen:.4f}", flush=True)
        if step % 500 == 499:
            print(f"{step} {validate(model.eval(), data)}", flush=True)
            checkpoints.save_for_text(copy.deepcopy(model), arguments.out)
            model.train()
    checkpoints.save_for_text(model.eval(), arguments.out)
    print(f"rounded {validate(model, data)} {time.monotonic() - started:.0f}s")


if __name__ == "__main__":
    main()
