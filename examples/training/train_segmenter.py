"""Training of the segmenter on the pool's crops.

python -m examples.training.train_segmenter --pool POOL --out examples/checkpoints/segmenter
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from examples.checkpoints.segmenter.modeling_segmenter import SegmenterConfig, SegmenterForImageSegmentation
from examples.training import checkpoints, crops, pool
from examples.training.augmentation import brighten, schedule
from torch import nn

AUTO_MAP = {
    "AutoConfig": "modeling_segmenter.SegmenterConfig",
    "AutoModelForImageSegmentation": "modeling_segmenter.SegmenterForImageSegmentation",
}


def mask_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return cross entropy per pixel plus one minus the soft Dice score."""
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, target)
    probability = logits.sigmoid()
    both = (probability * target).sum(dim=(1, 2, 3))
    dice = (2 * both + 1) / (probability.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3)) + 1)
    return entropy + (1 - dice).mean()


@torch.no_grad()
def validate(model: nn.Module, pictures: np.ndarray, masks: np.ndarray) -> float:
    """Return the mean IoU on the validation crops, at the model's resolution."""
    ious = []
    for rows in np.array_split(np.arange(len(pictures)), 8):
        found = model(torch.from_numpy(crops.normalize_imagenet(pictures[rows])))[-1][:, 0].numpy() > 0
        true = masks[rows] > 127
        ious.append((found & true).sum(axis=(1, 2)) / np.maximum(1, (found | true).sum(axis=(1, 2))))
    return float(np.concatenate(ious).mean())


def main() -> None:
    """Train; save the checkpoint regularly and at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--start", type=Path, help="a checkpoint to continue from")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    arrays = pool.load(arguments.pool, ("mask_crop", "mask"))
    pictures, masks = arrays["mask_crop"], arrays["mask"]
    training = len(pictures) - pool.SHARD
    validation = slice(training, training + 320)
    model = SegmenterForImageSegmentation(SegmenterConfig(auto_map=AUTO_MAP))
    if arguments.start:
        model = SegmenterForImageSegmentation.from_pretrained(arguments.start, dtype=torch.float32).train()
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=0.01)
    started = time.monotonic()
    for step in range(arguments.steps):
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * schedule(step, arguments.steps)
        rows = rng.integers(training, size=arguments.batch)
        flip = slice(None, None, -1) if rng.random() < 0.5 else slice(None)
        pixels = brighten(rng, crops.normalize_imagenet(pictures[rows][:, :, flip]))
        target = torch.from_numpy(masks[rows][:, None, :, flip].astype(np.float32) / 255)
        loss = mask_loss(model(torch.from_numpy(pixels))[-1], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"{step} {time.monotonic() - started:.0f}s loss {loss:.4f}", flush=True)
        if step % 300 == 299:
            print(f"{step} iou {validate(model.eval(), pictures[validation], masks[validation]):.4f}", flush=True)
            checkpoints.save_for_masks(copy.deepcopy(model), arguments.out)
            model.train()
    checkpoints.save_for_masks(model.eval(), arguments.out)
    print(f"rounded iou {validate(model, pictures[validation], masks[validation]):.4f} {time.monotonic() - started:.0f}s")


if __name__ == "__main__":
    main()
