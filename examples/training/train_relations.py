"""Training of the captioner, second half: the relation of two shapes, "left of" or "above".

Auxiliary losses predict for every patch of a shape the position of the other shape (one layer before the last), the
relation of the two, and whether its own shape is named first. Without them the names are correct and the relation is a guess.

    python -m examples.training.train_relations --pool POOL --start STAGE --out examples/checkpoints/captioner
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from examples.training import checkpoints, models, pool, tokenizer
from examples.training.augmentation import schedule
from examples.training.shapes import COLORS, SHAPES
from examples.training.train_captioner import IGNORED, CaptionData, PatchHead, caption_loss, logits_of, validate
from numpy.typing import NDArray
from torch import nn
from transformers import BlipForConditionalGeneration

LEFT = tokenizer.VOCABULARY.index("left")
ABOVE = tokenizer.VOCABULARY.index("above")
FIRST = tokenizer.VOCABULARY.index(next(iter(COLORS)))
FIRST_SHAPE = tokenizer.VOCABULARY.index(SHAPES[0])


def relation_labels(ids: NDArray[np.int64], patches: NDArray[np.int8]) -> torch.Tensor:
    """Return for each patch [B, 144] 2 x (above) + (named second), or ``IGNORED`` where there is no relation."""
    left, above = (ids == LEFT).any(axis=1), (ids == ABOVE).any(axis=1)
    first = 1 + (ids[:, 2] - FIRST) * len(SHAPES) + ids[:, 3] - FIRST_SHAPE
    flat = patches.reshape(len(patches), -1)
    twins = np.array([len(set(row[row > 0].tolist())) < 2 for row in flat])
    labels = 2 * above[:, None] + (flat != first[:, None])
    useful = (left | above)[:, None] & (flat > 0) & ~twins[:, None]
    return torch.from_numpy(np.where(useful, labels, IGNORED))


def offset_labels(patches: NDArray[np.int8]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for each patch [B, 144, 2] the offset of the other shape's center, in half pictures, and a mask [B, 144]."""
    offsets = np.zeros((*patches.shape, 2), np.float32)
    known = np.zeros(patches.shape, bool)
    for row, labels in enumerate(patches):
        codes = np.unique(labels[labels > 0])
        if len(codes) != 2:
            continue
        centers = [np.argwhere(labels == code).mean(axis=0) for code in codes]
        for i, code in enumerate(codes):
            offsets[row, labels == code] = (centers[1 - i] - centers[i]) * 2 / pool.PATCHES
            known[row, labels == code] = True
    count = len(patches)
    return torch.from_numpy(offsets.reshape(count, -1, 2)), torch.from_numpy(known.reshape(count, -1))


def strengthen_positions(model: nn.Module, amplitude: float = 3.0) -> None:
    """Add ramps and slow waves of row and column to the position embedding, in place.

    Names do not need the position of a patch, so the position embedding fades in the first half of the training.
    """
    rows, columns = np.mgrid[0 : pool.PATCHES, 0 : pool.PATCHES].reshape(2, -1) * 2 / (pool.PATCHES - 1) - 1
    waves = [code for at in (rows, columns) for code in (at, np.sin(np.pi * at / 2), np.cos(np.pi * at / 2))]
    table = torch.tensor(np.stack(waves, axis=1), dtype=torch.float32)
    directions = torch.nn.init.orthogonal_(torch.empty(table.shape[1], models.HIDDEN))
    with torch.no_grad():
        model.vision_model.embeddings.position_embedding[0, 1:] += amplitude * table @ directions


def main() -> None:
    """Train the whole captioner; save the checkpoint regularly and at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--amplitude", type=float, default=3.0, help="of the positions to add; 0 continues an earlier run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(2)
    model = BlipForConditionalGeneration.from_pretrained(arguments.start, dtype=torch.float32).train()
    strengthen_positions(model, arguments.amplitude)
    data = CaptionData(arguments.pool)
    data.others = data.others[data.captioned[data.others]]
    patch_head, relation_head = PatchHead(), nn.Linear(models.HIDDEN, 4)
    offset_head = nn.Sequential(nn.LayerNorm(models.HIDDEN), nn.Linear(models.HIDDEN, 2))
    parameters = [*model.parameters(), *patch_head.parameters(), *relation_head.parameters(), *offset_head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=arguments.rate, weight_decay=0.02, betas=(0.9, 0.98))
    started = time.monotonic()
    for step in range(arguments.steps):
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * schedule(step, arguments.steps, warmup=60)
        pixels, ids, captioned, patches = data.batch(rng, arguments.batch, 0.75)
        encoded = model.vision_model(pixels, output_hidden_states=True)
        embeds = encoded.last_hidden_state
        caption = caption_loss(logits_of(model, embeds, ids), ids, captioned)
        labels = relation_labels(ids.numpy(), patches.numpy()).flatten()
        relation = nn.functional.cross_entropy(relation_head(embeds[:, 1:]).flatten(0, 1), labels, ignore_index=IGNORED)
        offsets, known = offset_labels(patches.numpy())
        offset_loss = (offset_head(encoded.hidden_states[-2][:, 1:])[known] - offsets[known]).abs().mean()
        loss = 3 * offset_loss + 2 * caption + relation + 0.5 * patch_head.loss(embeds, patches)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 50 == 0:
            spent = time.monotonic() - started
            print(f"{step} {spent:.0f}s words {caption:.4f} relation {relation:.4f} place {offset_loss:.4f}", flush=True)
        if step % 200 == 199:
            print(f"{step} {validate(model.eval(), data)}", flush=True)
            checkpoints.save_for_text(copy.deepcopy(model), arguments.out)
            model.train()
    checkpoints.save_for_text(model.eval(), arguments.out)
    print(f"rounded {validate(model, data)} {time.monotonic() - started:.0f}s")


if __name__ == "__main__":
    main()
