"""Train the captioner's decoder alone, on the output of its vision encoder: many times faster than both together.

    python -m examples.training.train_captions --pool POOL --captioner examples/checkpoints/captioner
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import BlipForConditionalGeneration

from examples.training import checkpoints, features
from examples.training.augmentation import schedule
from examples.training.train_captioner import CaptionData, caption_loss, logits_of, watched_exact


def main() -> None:
    """Train, saving the checkpoint over the one it started from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--captioner", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="where to save when not over the start")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(2)
    model = BlipForConditionalGeneration.from_pretrained(arguments.captioner, dtype=torch.float32)
    data = CaptionData(arguments.pool)
    singles = data.others[data.captioned[data.others]][::3]
    rows = np.concatenate([data.scenes_of_two, data.scenes_of_two, singles])
    mirrored = np.repeat([0, 1, 0], [len(data.scenes_of_two)] * 2 + [len(singles)])
    started = time.monotonic()
    pictures = data.pictures[rows]
    pictures[mirrored == 1] = pictures[mirrored == 1][:, :, ::-1]
    embeds = features.embed(model.vision_model.eval(), pictures)
    ids = torch.from_numpy(data.ids[mirrored, rows])
    print(f"{len(rows)} pictures {time.monotonic() - started:.0f}s {watched_exact(model, data)}", flush=True)
    parameters = list(model.text_decoder.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=arguments.rate, weight_decay=0.02, betas=(0.9, 0.98))
    pairs = int((mirrored == 1).sum()) * 2
    everyone = torch.ones(arguments.batch, dtype=torch.bool)
    for step in range(arguments.steps):
        for group in optimiser.param_groups:
            group["lr"] = arguments.rate * schedule(step, arguments.steps)
        two = int(arguments.batch * 0.75)
        chosen = np.concatenate([rng.integers(pairs, size=two), rng.integers(pairs, len(rows), arguments.batch - two)])
        loss = caption_loss(logits_of(model.train(), embeds[chosen].float(), ids[chosen]), ids[chosen], everyone)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        if step % 50 == 0:
            print(f"{step} {time.monotonic() - started:.0f}s loss {loss:.4f}", flush=True)
        if step % 300 == 299:
            print(f"{step} {watched_exact(model.eval(), data)}", flush=True)
            checkpoints.save_for_text(copy.deepcopy(model), arguments.out or arguments.captioner)
    checkpoints.save_for_text(model.eval(), arguments.out or arguments.captioner)
    print(f"rounded {watched_exact(model, data)} {time.monotonic() - started:.0f}s")


if __name__ == "__main__":
    main()
